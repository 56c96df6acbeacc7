/** What the gateway's tests share: a source without a daemon, a log that remembers, HTTP calls. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  request,
  type Server,
} from 'node:http';
import { connect as connectHttp2, type IncomingHttpHeaders as Http2Headers } from 'node:http2';
import { request as secureRequest } from 'node:https';
import { type AddressInfo, connect, type NetConnectOpts } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import type {
  Access,
  Api,
  ApiEntry,
  ApiRequest,
  ApiResponse,
  Logger,
  RandomSource,
} from '../../src/apis/api.js';
import { defaultGatewayLimits } from '../../src/config/config.js';
import { createMalformedResponse } from '../../src/gateway/answer.js';
import type { Audit, AuditEntry } from '../../src/gateway/audit.js';
import { Connections } from '../../src/gateway/connections.js';
import { createRequestHandler } from '../../src/gateway/exchange.js';
import { createHttpServer } from '../../src/gateway/http-server.js';
import { GatewayCounters } from '../../src/gateway/metrics.js';

/** A ready source whose bytes count up from 0. */
export function fakeSource(overrides: Partial<RandomSource> = {}): RandomSource {
  return {
    random: async (size) => Uint8Array.from({ length: size }, (_, i) => i),
    health: async () => ({ state: 'operational', healthy: true, reason: '' }),
    status: async () => ({ state: 'operational', reason: '', requests: 1 }),
    history: async () => ({ intervalSeconds: 300, stored: false, records: [], transitions: [] }),
    metrics: async () => 'entropyd_up 1\n',
    ...overrides,
  };
}

/** A source of which every method fails with `error`. */
export function failingSource(error: unknown): RandomSource {
  const fail = () => Promise.reject(error);
  return { random: fail, health: fail, status: fail, history: fail, metrics: fail };
}

/** A log that keeps what it is given. */
export function memoryLog(): Logger & { readonly records: object[] } {
  const records: object[] = [];
  const log = (level: string) => (fields: object, message: string) =>
    void records.push({ level, message, ...fields });
  return { records, info: log('info'), warn: log('warn'), error: log('error') };
}

/**
 * Listens on a loopback port until the test ends.
 * @param connections take in each connection, as those of a gateway do
 */
export async function serve(
  t: Test,
  handler: RequestListener | Server,
  connections?: Pick<Connections, 'accept'>,
): Promise<number> {
  const server = typeof handler === 'function' ? createServer(handler) : handler;
  if (connections !== undefined) server.on('connection', (socket) => connections.accept(socket));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** One request over a connection of its own. */
export async function call(options: {
  port?: number;
  /** The address; default 127.0.0.1. */
  host?: string;
  /** The name that the certificate is to have. */
  servername?: string;
  socketPath?: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** Whose certificates to trust; with it the request goes over TLS. */
  ca?: Buffer;
  /** Over HTTP/2: with prior knowledge, or over TLS by ALPN. */
  http2?: boolean;
}): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  if (options.http2) return callHttp2(options);
  const { body, http2, ...rest } = options;
  const ask = options.ca === undefined ? request : secureRequest;
  const outgoing = ask({ host: '127.0.0.1', agent: false, ...rest });
  outgoing.end(body);
  const [incoming] = await once(outgoing, 'response');
  return { status: incoming.statusCode, headers: incoming.headers, body: await text(incoming) };
}

/** Header fields are those of HTTP/1.1: what HTTP/2 says otherwise is left out. */
async function callHttp2(options: Parameters<typeof call>[0]): ReturnType<typeof call> {
  const { port, host = '127.0.0.1', servername, socketPath, method = 'GET', path = '/' } = options;
  const { headers = {}, body, ca } = options;
  const { host: authority, connection, 'transfer-encoding': _, ...fields } = headers;
  const session = connectHttp2(`${ca === undefined ? 'http' : 'https'}://${host}:${port ?? 80}`, {
    ...(ca === undefined ? {} : { ca, servername: servername ?? host }),
    ...(socketPath === undefined ? {} : { createConnection: () => connect({ path: socketPath }) }),
  });
  try {
    const pseudo = {
      ':method': method,
      ':path': path,
      ...(authority && { ':authority': authority }),
    };
    const stream = session.request({ ...pseudo, ...fields }, { endStream: body === undefined });
    stream.end(body);
    const [answered] = (await once(stream, 'response')) as [Http2Headers];
    const { ':status': status, ...rest } = answered;
    return { status: Number(status), headers: rest, body: await text(stream) };
  } finally {
    session.close();
  }
}

/** Sends bytes as they are and returns all that comes back until the other side closes. */
export async function exchange(to: NetConnectOpts, bytes: string): Promise<string> {
  const socket = connect(to);
  socket.write(bytes);
  return text(socket);
}

/** Leaves the socket file of a process that was killed. */
export function leaveStaleSocket(path: string): void {
  const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script, path]);
}

/** A request over a Unix socket with nothing in it, but for what is given. */
export function apiRequest(overrides: Partial<ApiRequest> = {}): ApiRequest {
  const { headers = {} } = overrides;
  return {
    id: 'id-1',
    method: 'POST',
    path: '/',
    query: '',
    authority: headers.host ?? '',
    headers: {},
    rawHeaders: Object.entries(headers).flat() as string[],
    secure: false,
    remote: 'unix',
    local: 'unix',
    body: Buffer.alloc(0),
    audit: { key: null, operation: null, size: null },
    whenGone() {},
    ...overrides,
  };
}

/** Access for a gateway without credentials. */
export const openAccess: Access = {
  verifies: false,
  key: () => undefined,
  token: () => undefined,
  take: () => true,
  now: Date.now,
};

/**
 * What an API answers, by its contract: what it throws it also refuses. A stream is read to its end.
 * @returns `outcome` as the audit log has it, and the rest of the response
 */
export async function answerOf(
  api: Api,
  request: ApiRequest,
  source: Pick<RandomSource, 'random' | 'health'> = fakeSource(),
  access: Access = openAccess,
): Promise<ApiResponse & { readonly body: string; readonly outcome: string }> {
  const services = { random: source.random, health: source.health, access };
  const answer = await api
    .answer(request, services)
    .catch((error: unknown) => api.refuse({ kind: 'thrown', error }, request));
  const { body } = answer;
  const whole =
    typeof body === 'string' || body instanceof Uint8Array
      ? Buffer.from(body as string).toString()
      : await text(body);
  return { ...answer, body: whole, outcome: answer.error?.code ?? 'ok' };
}

/** What an audit log is told of a request. */
export const auditEntry: AuditEntry = {
  requestId: 'id-1',
  api: 'aws-kms',
  key: 'billing',
  operation: 'GenerateRandom',
  size: 32,
  outcome: 'ok',
  status: 200,
  client: '127.0.0.1',
};

/**
 * An audit log that keeps its entries.
 * @param written whether an entry is written, once that is known; without it nobody has to wait
 */
export function memoryAudit(
  written?: (entry: AuditEntry) => Promise<boolean>,
): Audit & { readonly entries: AuditEntry[] } {
  const entries: AuditEntry[] = [];
  return {
    entries,
    isRequired: written !== undefined,
    dropped: 0,
    write(entry) {
      entries.push(entry);
      return written?.(entry);
    },
    missed() {},
    adopt() {},
    close: async () => {},
  };
}

/** What APIs are created with. */
export const settings = { dialect: 'otc' } as const;

/** Everything of a gateway but its files, pages and addresses: APIs on a loopback port. */
export async function serveApis(
  t: Test,
  entries: readonly Pick<ApiEntry, 'name' | 'create'>[],
  {
    source = fakeSource(),
    access = openAccess,
    audit = memoryAudit(),
  }: { source?: RandomSource; access?: Access; audit?: ReturnType<typeof memoryAudit> } = {},
) {
  const log = memoryLog();
  const routes = entries.map(({ name, create }) => ({ name, api: create(settings, log) }));
  const counters = new GatewayCounters(entries.map(({ name }) => name));
  const malformed = createMalformedResponse(routes.map(({ api }) => api));
  const connections = new Connections(defaultGatewayLimits, counters, log);
  const common = { client: source, access, log, audit, counters, connections, malformed };
  const handler = createRequestHandler({ ...common, routes });
  const server = createHttpServer(handler.listener('tcp'), malformed);
  const port = await serve(t, server, connections);
  return { port, log, audit: audit.entries, counters, handler };
}
