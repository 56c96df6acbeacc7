/** What the gateway's tests share: a source that is no daemon, a log that remembers, raw HTTP. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type RequestListener,
  request,
  type Server,
} from 'node:http';
import { request as secureRequest } from 'node:https';
import { type AddressInfo, connect, type NetConnectOpts } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import {
  type Answer,
  type GatewayRequest,
  noFacts,
  type RandomSource,
  type Route,
} from '../../src/apis/api.js';
import { type Access, createAccess } from '../../src/gateway/auth/credentials.js';
import { parseCredentialsFile } from '../../src/gateway/auth/credentials-file.js';
import type { Logger } from '../../src/gateway/exchange.js';

/** A ready source whose bytes count up from 0. */
export function fakeSource(overrides: Partial<RandomSource> = {}): RandomSource {
  return {
    random: async (size) => Uint8Array.from({ length: size }, (_, i) => i),
    health: async () => ({ state: 'operational', healthy: true, reason: '' }),
    status: async () => ({ state: 'operational', reason: '', requests: 1 }),
    metrics: async () => 'entropyd_up 1\n',
    ...overrides,
  };
}

/** A source of which every method fails with `error`. */
export function failingSource(error: unknown): RandomSource {
  const fail = () => Promise.reject(error);
  return { random: fail, health: fail, status: fail, metrics: fail };
}

/** A log that keeps what it is given. */
export function memoryLog(): Logger & { readonly records: object[] } {
  const records: object[] = [];
  const log = (level: string) => (fields: object, message: string) =>
    void records.push({ level, message, ...fields });
  return { records, info: log('info'), warn: log('warn'), error: log('error') };
}

/** Listens on a loopback port until the test ends. */
export async function serve(t: Test, handler: RequestListener | Server): Promise<number> {
  const server = typeof handler === 'function' ? createServer(handler) : handler;
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
}): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  const { body, ...rest } = options;
  const ask = options.ca === undefined ? request : secureRequest;
  const outgoing = ask({ host: '127.0.0.1', agent: false, ...rest });
  outgoing.end(body);
  const [incoming] = await once(outgoing, 'response');
  return { status: incoming.statusCode, headers: incoming.headers, body: await text(incoming) };
}

/** Sends bytes as they are and returns all that comes back until the other side closes. */
export async function exchange(to: NetConnectOpts, bytes: string): Promise<string> {
  const socket = connect(to);
  socket.write(bytes);
  return text(socket);
}

/** Access for whom the TOML of a credentials file names; both clocks stand at `now`. */
export function accessOf(credentials: string, now = Date.now()): Access & { clock: number } {
  const clock = () => access.clock;
  const access = Object.assign(createAccess([], { wall: clock, steady: clock }), { clock: now });
  access.adopt(parseCredentialsFile(credentials, 'credentials.toml'));
  return access;
}

/** Leaves the socket file of a process that was killed. */
export function leaveStaleSocket(path: string): void {
  const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script, path]);
}

/** A request over a Unix socket with nothing in it, but for what is given. */
export function gatewayRequest(overrides: Partial<GatewayRequest> = {}): GatewayRequest {
  const { headers = {} } = overrides;
  return {
    id: 'id-1',
    method: 'POST',
    path: '/',
    query: '',
    headers: {},
    rawHeaders: Object.entries(headers).flat() as string[],
    body: Buffer.alloc(0),
    remote: 'unix',
    local: 'unix',
    facts: noFacts(),
    ...overrides,
  };
}

/**
 * What a route answers, by the contract of {@link Route}: what it throws it also refuses. A stream is
 * read to its end.
 */
export async function answerOf(route: Route, request: GatewayRequest): Promise<Answer<string>> {
  try {
    const answer = await route.answer(request);
    const { body } = answer;
    return { ...answer, body: typeof body === 'string' ? body : await text(body) };
  } catch (error) {
    return route.refuse(error, request.id);
  }
}
