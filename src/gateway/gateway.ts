/** The gateway: both HTTP APIs and the pages, on listeners that only this host can reach. */
import type { Server } from 'node:http';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { EntropyError } from '../errors.js';
import type { Dialect } from '../formats/gen-random.js';
import { parseAddress } from './address.js';
import { createExchanges, type Logger } from './exchanges.js';
import { createHttpServer } from './http-server.js';
import { listen } from './listener.js';
import type { RandomSource } from './route.js';
import { createRouter } from './router.js';
import type { Upstream } from './upstream.js';

/** How long running exchanges may take to finish on close; the daemon allows itself the same. */
const closeGraceMs = 5000;

/** What a gateway is started with. */
export interface GatewayOptions {
  /** At least one of `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH`; loopback or Unix only. */
  readonly listen: readonly string[];
  /** The daemon; stays the caller's, also on close. */
  readonly client: RandomSource;
  /** Which cloud's lengths gen-random takes. */
  readonly dialect: Dialect;
  /** Adds to nested gen-random errors what Huawei's SDK for Node.js reads. */
  readonly nodeSdkErrors?: boolean;
  /** Names under which the pages answer, besides localhost and loopback addresses. */
  readonly pageHosts?: readonly string[];
  /** Answers the KMS operations that are not served here; stays the caller's, also on close. */
  readonly upstream?: Upstream | undefined;
  readonly log: Logger;
}

/** A running gateway. */
export interface Gateway {
  /** What was bound, as `--listen` takes it. */
  readonly addresses: readonly string[];
  /** Takes no more requests, answers those it has (at most 5 s), then ends every connection. */
  close(): Promise<void>;
}

/**
 * Starts listening. When one address fails, those already open are closed again.
 * @param options see {@link GatewayOptions}
 * @returns the gateway, owned by the caller
 * @throws EntropyError `ERR_CONFIG`, `ERR_LISTEN`
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const wanted = options.listen.map(parseAddress);
  if (wanted.length === 0)
    throw new EntropyError('ERR_CONFIG', 'listen: want at least one HOST:PORT or unix:PATH');
  const { log } = options;
  const exchanges = createExchanges(createRouter(options), log);
  const servers: Server[] = [];
  const addresses: string[] = [];
  try {
    for (const address of wanted) {
      const server = createHttpServer(exchanges.handle);
      addresses.push(await listen(server, address));
      servers.push(server);
    }
  } catch (error) {
    await closeAll(servers);
    throw error;
  }
  log.info({ addresses }, 'gateway listening');

  async function close(): Promise<void> {
    await closeAll(
      servers,
      Promise.race([exchanges.finish(), setTimeout(closeGraceMs, undefined, { ref: false })]),
    );
    log.info({ addresses }, 'gateway closed');
  }
  let closing: Promise<void> | undefined;
  return {
    addresses,
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** Stops listening at once; ends all connections when the grace is over. */
async function closeAll(servers: readonly Server[], grace?: Promise<unknown>): Promise<void> {
  const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
  await grace;
  await setImmediate(); // what was sent last is with the kernel then
  for (const server of servers) server.closeAllConnections();
  await Promise.all(closed);
}
