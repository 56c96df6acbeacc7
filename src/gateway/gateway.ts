/** The gateway: its APIs and pages on all its listeners, and the files that say who may ask. */
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { RandomSource } from '../apis/api.js';
import { checkUpstreamCallers } from '../apis/aws-kms/upstream/endpoint.js';
import type { Upstream } from '../apis/aws-kms/upstream/upstream.js';
import { countUpstream } from '../apis/aws-kms/upstream/upstream.js';
import { type Address, formatAddress, parseAddress } from '../common/address.js';
import { EntropyError, errorCode } from '../common/errors.js';
import type { PassedSocket } from '../common/unix-socket.js';
import type { GatewayConfig } from '../config/config.js';
import { type Audit, createAudit } from './audit.js';
import { type Access, createAccess } from './auth/credentials.js';
import { createExchanges, createRouter, type Exchanges, type Logger } from './exchange.js';
import { loadGivenFiles } from './given-files.js';
import { createHttpServer, createHttpsServer } from './http-server.js';
import { listen } from './listener.js';
import { GatewayCounters, gatewayMetrics } from './metrics.js';
import { certificateExpiry, type TlsContext } from './private-files.js';

/** How long running exchanges may take to finish on close; the daemon allows itself the same. */
const closeGraceMs = 5000;

/** Settings that may be left out; an upstream is made by the caller. */
type Settings = {
  readonly [name in Exclude<keyof GatewayConfig, `upstream${string}`>]?:
    | Readonly<GatewayConfig[name]>
    | undefined;
};

/** What a gateway is started with. */
export interface GatewayOptions extends Settings {
  readonly listen: readonly string[];
  readonly dialect: GatewayConfig['dialect'];
  /** Opened by the service manager, and judged like the others; `listen` may then be empty. */
  readonly passed?: readonly PassedSocket[];
  /** The daemon; stays the caller's, also on close. */
  readonly client: RandomSource;
  /** Answers the KMS operations that are not served here; stays the caller's, also on close. */
  readonly upstream?: Upstream | undefined;
  /** Whether no TLS and no credentials open it to other hosts. */
  readonly hostOnly?: boolean;
  readonly log: Logger;
}

/** A running gateway. */
export interface Gateway {
  /** What was bound, as `--listen` takes it. */
  readonly addresses: readonly string[];
  /**
   * Reads credentials, certificate and key anew and opens the audit file again; connections stay.
   * Where one of them is at fault nothing changes, and the log says so.
   */
  reload(): Promise<void>;
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
  const { client, dialect, nodeSdkErrors = false, pageHosts = [], upstream, log } = options;
  const { passed = [] } = options;
  const wanted = options.listen.map(parseAddress);
  if (passed.length + wanted.length === 0)
    throw new EntropyError('ERR_CONFIG', 'listen: want at least one HOST:PORT or unix:PATH');
  if (options.requireSignatures && options.credentials === undefined)
    throw new EntropyError(
      'ERR_CONFIG',
      'signatures are required, and there is nothing to verify them with: --credentials FILE',
    );
  checkUpstreamCallers(upstream?.host, options.credentials !== undefined);
  const files = await loadGivenFiles(options);
  const access = createAccess(options.regions);
  if (files.credentials !== undefined) access.adopt(files.credentials);
  const audit = files.audit === undefined ? undefined : createAudit(files.audit, log);
  let { tls } = files;
  const isTls = tls !== undefined;
  const counters = new GatewayCounters();
  const listeners: Listener[] = [];
  const metrics = () =>
    gatewayMetrics(client, {
      counters,
      connectionsOpen: listeners.reduce((sum, { sockets }) => sum + sockets.size, 0),
      auditDropped: audit?.dropped,
      certificateExpiry: tls === undefined ? undefined : certificateExpiry(tls),
      hasUpstream: upstream !== undefined,
    });
  const router = createRouter({
    client,
    metrics,
    dialect,
    nodeSdkErrors,
    pageHosts,
    isTls,
    access,
    upstream: upstream && countUpstream(upstream, counters.upstream),
    listen: () => listeners.map(({ address }) => address),
  });
  const exchanges = createExchanges(router, log, audit, counters);
  try {
    const open = async (where: Address | PassedSocket) =>
      listeners.push(await openListener(where, exchanges, counters, tls, missing(options)));
    for (const socket of passed) await open(socket);
    // One configuration serves with a unit and without.
    const there = new Set(listeners.map(({ address }) => address));
    for (const address of wanted) if (!there.has(formatAddress(address))) await open(address);
  } catch (error) {
    await closeAll(listeners, audit);
    throw error;
  }
  const addresses = listeners.map(({ address }) => address);
  log.info({ addresses }, 'gateway listening');
  if (access.credentials === undefined)
    log.warn(
      {},
      'open: any well-formed signature or token is accepted; --credentials verifies them',
    );
  else log.info(known(access), 'signatures and tokens are verified');

  async function reload(): Promise<void> {
    try {
      const next = await loadGivenFiles(options);
      // From here on nothing fails.
      if (next.credentials !== undefined) access.adopt(next.credentials);
      if (next.tls !== undefined) {
        tls = next.tls;
        for (const { renew } of listeners) renew(next.tls);
      }
      if (next.audit !== undefined) audit?.adopt(next.audit);
      log.info(known(access), 'gateway reloaded');
    } catch (error) {
      log.error({ code: errorCode(error) }, `gateway kept as it was: ${(error as Error).message}`);
    }
  }

  async function close(): Promise<void> {
    const finished = Promise.race([
      exchanges.finish(),
      setTimeout(closeGraceMs, undefined, { ref: false }),
    ]);
    await closeAll(listeners, audit, finished);
    log.info({ addresses }, 'gateway closed');
  }
  let reloads = Promise.resolve();
  let closing: Promise<void> | undefined;
  return {
    addresses,
    reload() {
      // One after the other.
      reloads = reloads.then(() => (closing === undefined ? reload() : undefined));
      return reloads;
    },
    close() {
      closing ??= reloads.then(close);
      return closing;
    },
  };
}

/** How many there are of each kind, for the log. */
function known({ credentials }: Access): object {
  return credentials === undefined ? {} : { keys: credentials.keys, tokens: credentials.tokens };
}

/** What other hosts' access would take, besides an address that they reach. */
function missing({ hostOnly, tls, credentials }: GatewayOptions): string[] {
  if (hostOnly) return ['a gateway of its own (entropyd gateway)'];
  return [
    ...(tls === undefined ? ['TLS (--tls-cert and --tls-key)'] : []),
    ...(credentials === undefined ? ['a credentials file (--credentials)'] : []),
  ];
}

/** An open address. */
interface Listener {
  readonly address: string;
  readonly server: Server | TlsServer;
  /** Open connections, those that are still in their TLS handshake too. */
  readonly sockets: ReadonlySet<Socket>;
  /** Takes another certificate, where there is one. */
  renew(tls: TlsContext): void;
}

/** On TCP with TLS where there is a certificate; a Unix socket has the kernel's protection. */
async function openListener(
  wanted: Address | PassedSocket,
  exchanges: Exchanges,
  counters: GatewayCounters,
  tls: TlsContext | undefined,
  lacking: readonly string[],
): Promise<Listener> {
  const isUnix = 'path' in wanted && wanted.path !== undefined;
  const handler = exchanges.handler(isUnix ? 'unix' : 'tcp');
  const secure = isUnix || tls === undefined ? undefined : createHttpsServer(handler, tls);
  const server = secure ?? createHttpServer(handler);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    counters.connections++;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // node:net keeps the first answer: an address that is asked for later may be gone.
    void [socket.remoteAddress, socket.localAddress];
  });
  server.on('drop', () => counters.connectionsRefused++);
  const address = await listen(server, wanted, lacking);
  return { address, server, sockets, renew: (next) => secure?.setSecureContext(next) };
}

/** Stops listening at once; ends all connections when the grace is over. */
async function closeAll(
  listeners: readonly Listener[],
  audit: Audit | undefined,
  grace?: Promise<unknown>,
): Promise<void> {
  const closed = listeners.map(({ server }) => new Promise((resolve) => server.close(resolve)));
  await grace;
  await setImmediate(); // what was sent last is with the kernel then
  for (const { server, sockets } of listeners) {
    server.closeAllConnections();
    for (const socket of sockets) socket.destroy();
  }
  await Promise.all(closed);
  await audit?.close();
}
