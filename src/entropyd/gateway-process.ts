/** `entropyd gateway`: the HTTP gateway as a process of its own, a client of the daemon. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type Client, connect } from '../client/client.js';
import { parseAddress } from '../common/address.js';
import { errorCode } from '../common/errors.js';
import { createLogger } from '../common/log.js';
import { UsageError } from '../common/program.js';
import { listenBacklog, type PassedSocket } from '../common/unix-socket.js';
import { type GatewayFlags, loadGatewayConfig, namingLines } from '../config/load.js';
import { checkGateway } from '../gateway/checked-configuration.js';
import { type Gateway, startGateway } from '../gateway/gateway.js';
import type { WorkersOptions } from '../gateway/workers/primary.js';
import { workerCount } from '../gateway/workers/share.js';
import { loadHardened, runService, type Service, type ServiceHost } from './service.js';

/** Options of the gateway's command line. */
export interface GatewayProcessFlags extends GatewayFlags {
  /** Whether it starts open only if the configuration says so. */
  noOpen?: boolean;
  /** Whether other hosts need neither TLS nor credentials. */
  insecureNetwork?: boolean;
  /** A file to check instead of serving. */
  checkConfig?: string;
}

/** `FileDescriptorName=` of the gateway's socket units. */
const socketNames = ['entropyd-gateway'] as const;

/** Over TLS this is a protocol error, which is answered too. */
const probeRequest = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

/**
 * Serves until SIGTERM or SIGINT. SIGHUP reloads credentials, certificate and audit file. The
 * daemon need not run yet.
 * @throws EntropyError `ERR_CONFIG`, `ERR_LISTEN`
 */
export function serveGateway({ checkConfig, ...flags }: GatewayProcessFlags): Promise<void> {
  if (checkConfig !== undefined) return check({ ...flags, config: checkConfig });
  return runService({
    socketNames,
    async start(host) {
      try {
        return await namingLines({ ...flags }, () => start(flags, host));
      } catch (error) {
        // A fault in the configuration is found before any socket is used, so all are still there.
        if (errorCode(error) === 'ERR_CONFIG') await turnAway(host.passed);
        throw error;
      }
    },
  });
}

async function start(
  { noOpen = false, insecureNetwork = false, ...options }: GatewayProcessFlags,
  { addon: { addon }, passed, status, listening }: ServiceHost,
): Promise<Service> {
  const flags = { ...options, activated: passed.length > 0 };
  const { socket, ...config } = await loadGatewayConfig(flags);
  const log = await createLogger();
  const given = { ...config, ...{ noOpen, insecureNetwork, passed, addon, log } };
  const count = workerCount(config);
  const client = count === 1 ? connectTo(socket) : undefined;
  const gateway =
    client === undefined
      ? await startForked({ ...given, count, socket })
      : await startGateway({ ...given, client });
  const { addresses } = gateway;
  // A passed socket without a path is reported as a number, to which nobody can connect.
  const watched = addresses.find((address) => address.includes(':'));
  listening(
    watched === undefined ? undefined : { to: parseAddress(watched), request: probeRequest },
  );
  status(`Listening on ${addresses.join(', ')}`);
  return {
    reload: () => gateway.reload(),
    async close() {
      await gateway.close();
      await client?.close();
    },
    ...(gateway.failed && { failed: gateway.failed }),
  };
}

function connectTo(socketPath: string | undefined): Client {
  return connect({
    coalesce: 'turn',
    wipeable: true,
    ...(socketPath === undefined ? {} : { socketPath }),
  });
}

/** The command that workers of the gateway are started with. People have no use for it. */
export const workerCommand = 'gateway-worker';

async function startForked(options: Omit<WorkersOptions, 'fork'>): Promise<Gateway> {
  const [{ forkOf }, { startWorkers }] = await Promise.all([
    import('../gateway/workers/cluster.js'),
    import('../gateway/workers/primary.js'),
  ]);
  return startWorkers({ ...options, fork: forkOf(process.argv[1] as string, [workerCommand]) });
}

/**
 * Serves as a worker until the primary process ends it. Signals are the primary's: a service manager and a
 * terminal send them to all processes.
 * @throws UsageError if no primary process started it
 */
export async function serveWorker(): Promise<void> {
  if (process.send === undefined)
    throw new UsageError(`${workerCommand}: entropyd gateway starts it`);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  loadHardened();
  const [{ createWorker }, log] = await Promise.all([
    import('../gateway/workers/worker.js'),
    createLogger(),
  ]);
  const worker = createWorker({
    log,
    connect: connectTo,
    // Without a primary the process ends by itself.
    send: (message) => void process.send?.(message, undefined, undefined, () => {}),
    end: () => process.exit(),
  });
  process.on('message', (message, socket) => worker.receive(message, socket as Socket | undefined));
  worker.greet();
}

/** Says that a file is valid, or throws what would keep a gateway from starting with it. */
async function check(flags: GatewayProcessFlags): Promise<void> {
  const { noOpen = false, insecureNetwork = false, ...options } = flags;
  const config = await loadGatewayConfig(options);
  // Root checks for the gateway's user, whose files must be private, but not root's.
  const reader = process.geteuid?.() === 0 ? 'owner' : undefined;
  await namingLines({ ...options }, () =>
    checkGateway({ ...config, noOpen, insecureNetwork }, reader),
  );
  console.log(`${flags.config}: valid`);
}

/**
 * Ends the connections that wait in sockets of the service manager. Nobody else accepts them: they would
 * wait for as long as their clients do, and make the service manager start this process again and again.
 */
async function turnAway(passed: readonly PassedSocket[]): Promise<void> {
  for (const { fd } of passed) {
    let ended = 0;
    const server = createServer((socket) => {
      ended++;
      socket.destroy();
    });
    server.listen({ fd }, listenBacklog);
    await once(server, 'listening');
    // Node accepts at least one in a turn of the event loop, and a turn is between two immediates.
    for (let before = -1; ended > before && ended < listenBacklog; ) {
      before = ended;
      await setImmediate();
      await setImmediate();
    }
    await new Promise((resolve) => server.close(resolve));
  }
}
