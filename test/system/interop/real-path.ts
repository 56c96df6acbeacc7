/** The real path for real clients: the daemon in a process of its own, behind it the gateway. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { ApiEntry } from '../../../src/apis/api.js';
import { connect } from '../../../src/client/client.js';
import { type GatewayOptions, startGateway } from '../../../src/gateway/gateway.js';
import { memoryLog } from '../../support/gateway.js';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { startDaemonProgram } from '../../support/program.js';

let written = 0;

/** Where clients find the daemon and the gateway. */
export interface RealPath {
  readonly socketPath: string;
  /** The gateway's on 127.0.0.1. */
  readonly port: number;
  readonly gatewaySocketPath: string;
}

/**
 * Starts a daemon and a gateway, and stops them when the test ends.
 * @param gatewayOptions override the defaults, such as the dialect `otc`
 * @param apis those it serves; default: all
 */
export async function startRealPath(
  t: Test,
  gatewayOptions: Partial<GatewayOptions> = {},
  apis?: readonly ApiEntry[],
): Promise<RealPath> {
  const { path: socketPath } = await startDaemonProgram(t);
  const gatewaySocketPath = freePath();
  const client = connect({ socketPath });
  t.teardown(() => client.close());
  const options: GatewayOptions = {
    listen: ['127.0.0.1:0', `unix:${gatewaySocketPath}`],
    client,
    dialect: 'otc',
    log: memoryLog(),
    ...gatewayOptions,
  };
  const gateway = await startGateway(options, apis);
  t.teardown(() => gateway.close());
  return { socketPath, gatewaySocketPath, port: Number(gateway.addresses[0]?.split(':')[1]) };
}

/** Writes a credentials file whose keys may use every operation. @returns its path */
export function writeKeys(
  keys: readonly { readonly accessKeyId: string; readonly secretAccessKey: string }[],
): string {
  const path = join(temporaryFolder(), `credentials-${++written}.toml`);
  const entries = keys.map(
    ({ accessKeyId, secretAccessKey }) =>
      `[[key]]\nname = "${accessKeyId}"\naccess_key = "${accessKeyId}"\nsecret_key = "${secretAccessKey}"\nallow = ["GenerateRandom", "gen-random", "upstream"]\n`,
  );
  writeFileSync(path, entries.join(''), { mode: 0o600 });
  return path;
}
