/** `entropyd gateway`: the HTTP gateway as a process of its own. */
import { connect } from '../client.js';
import type { Dialect } from '../formats/gen-random.js';
import { startGateway } from '../gateway/gateway.js';
import { createLogger } from '../log.js';
import { loadAddon } from '../native.js';
import { terminationSignal } from './run.js';

export interface GatewayCommandOptions {
  listen: string[];
  socket?: string;
  dialect: Dialect;
  nodeSdkErrors?: boolean;
  pageHost: string[];
}

/** Serves until SIGTERM or SIGINT. The daemon need not be there yet. */
export async function gateway(options: GatewayCommandOptions): Promise<void> {
  const { listen, socket, dialect, nodeSdkErrors = false, pageHost } = options;
  const ended = terminationSignal();
  // Random bytes pass through this process too.
  loadAddon().addon?.harden();
  const client = connect(socket === undefined ? {} : { socketPath: socket });
  const log = await createLogger();
  const running = await startGateway({
    listen,
    client,
    dialect,
    nodeSdkErrors,
    pageHosts: pageHost,
    log,
  });
  await ended;
  await running.close();
  await client.close();
}
