/** The real path for real clients: the daemon in a process of its own, the gateway as its client. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import root, { type Test } from 'tap';
import type { ApiEntry } from '../../../src/apis/api.js';
import { type Client, connect } from '../../../src/client/client.js';
import { type GatewayOptions, startGateway } from '../../../src/gateway/gateway.js';
import { memoryLog } from '../../support/gateway.js';

const program = fileURLToPath(new URL('../../../dist/entropyd.js', import.meta.url));

/** Longest that a daemon may take to seed itself, on a slow machine. */
const startMs = 20_000;
const pollMs = 20;

// The file's directory: below a test's own name a path can pass the 107 bytes that a socket may have.
const dir = root.testdir();
let started = 0;

/** Where clients find daemon and gateway. */
export interface RealPath {
  /** The daemon's. */
  readonly socketPath: string;
  /** The gateway's, on 127.0.0.1. */
  readonly port: number;
  readonly gatewaySocketPath: string;
}

/**
 * Starts daemon and gateway, and stops them when the test ends.
 * @param gatewayOptions what differs from the `otc` dialect with default errors
 * @param apis that it serves; default: all of them
 */
export async function startRealPath(
  t: Test,
  gatewayOptions: Partial<GatewayOptions> = {},
  apis?: readonly ApiEntry[],
): Promise<RealPath> {
  const socketPath = join(dir, `daemon-${++started}.sock`);
  const gatewaySocketPath = join(dir, `gateway-${started}.sock`);
  const daemon = spawn(process.execPath, [program, '--socket', socketPath], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.teardown(async () => {
    if (daemon.exitCode === null && daemon.kill()) await once(daemon, 'exit');
  });
  const client = connect({ socketPath });
  t.teardown(() => client.close());
  await seeded(client, daemon);
  const options = {
    listen: ['127.0.0.1:0', `unix:${gatewaySocketPath}`],
    client,
    dialect: 'otc' as const,
    log: memoryLog(),
    ...gatewayOptions,
  };
  const gateway = await startGateway(options, apis);
  t.teardown(() => gateway.close());
  return { socketPath, gatewaySocketPath, port: Number(gateway.addresses[0]?.split(':')[1]) };
}

async function seeded(client: Client, daemon: ChildProcess): Promise<void> {
  const deadline = performance.now() + startMs;
  for (;;) {
    const state = await client.random(1).then(
      () => undefined,
      (error) => error,
    );
    if (state === undefined) return;
    if (daemon.exitCode !== null || performance.now() > deadline) throw state;
    await setTimeout(pollMs);
  }
}

/** Writes a credentials file of keys that may use whatever there is. */
export function writeKeys(
  keys: readonly { readonly accessKeyId: string; readonly secretAccessKey: string }[],
): string {
  const path = join(dir, `credentials-${++started}.toml`);
  const entries = keys.map(
    ({ accessKeyId, secretAccessKey }) =>
      `[[key]]\nname = "${accessKeyId}"\naccess_key = "${accessKeyId}"\nsecret_key = "${secretAccessKey}"\nallow = ["GenerateRandom", "gen-random", "upstream"]\n`,
  );
  writeFileSync(path, entries.join(''), { mode: 0o600 });
  return path;
}
