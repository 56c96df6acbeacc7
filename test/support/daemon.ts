/** Servers, generators and calls in the test's own process. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';
import { Call, type CallRequest } from '../../src/client/call.js';
import { connect } from '../../src/client/client.js';
import { type Addon, loadAddon } from '../../src/common/package.js';
import { defaultLimits, type Limits } from '../../src/config/config.js';
import { createGenerator } from '../../src/generator/create.js';
import type { Generator, Responses } from '../../src/generator/interface.js';
import { writeResponseHeader } from '../../src/rpc/protocol.js';
import { type Clock, Transitions } from '../../src/server/activity.js';
import { type ConnectionContext, createContext } from '../../src/server/context.js';
import { type ListenOptions, listen } from '../../src/server/listener.js';
import { Poller } from '../../src/server/poller.js';
import { descriptor } from '../../src/server/socket-input.js';
import { sendToFake } from './fake-socket.js';
import { freePath } from './paths.js';
import { open } from './raw.js';
import { programMs, until } from './until.js';

/**
 * A generator in ordinary memory, always operational: `fill` gives 0xaa, `fillPredictionResistant`
 * 0xbb, `noise` 0xcc.
 * @param overrides members that the test replaces
 */
export function fakeGenerator(overrides: Partial<Generator> = {}): Generator {
  const status = {
    state: 'operational',
    healthy: true,
    reason: '',
    construction: 'RBG2(P)',
    sources: [],
    reseeds: 1,
    requestsSinceReseed: 0,
    secondsSinceReseed: 0,
    memoryLocked: false,
  } as const;
  const generator: Generator = {
    fill: (target, offset, length) => void target.fill(0xaa, offset, offset + length),
    respond: (target, responses) => respond(generator.fill, target, responses),
    mix() {},
    fillPredictionResistant: async (target, offset, length) =>
      void target.fill(0xbb, offset, offset + length),
    allocate: (size) => new Uint8Array(size),
    wipe: (target, offset, length) => void target.fill(0, offset, offset + length),
    state: () => status.state,
    status: () => ({ ...status, sources: [] }),
    reseed() {},
    selfTest: async () => true,
    noise: async (_, size) => new Uint8Array(size).fill(0xcc),
    close() {},
    ...overrides,
  };
  return generator;
}

/** What the addon does in one call, with the bytes of `fill`. */
export function respond(
  fill: Generator['fill'],
  target: Uint8Array,
  { requests, recipients, recipientCount }: Omit<Responses, 'count'>,
): void {
  const view = new DataView(target.buffer, target.byteOffset);
  const all = Array.from({ length: recipientCount }, (_, i) =>
    recipients.subarray(4 * i, 4 * i + 4),
  );
  fill(
    target,
    0,
    all.reduce((total, [, size = 0]) => total + size, 0),
  );
  let start = 0;
  let request = 0;
  for (const recipient of all) {
    const [fd = -1, size = 0, count = 0] = recipient;
    const own = target.subarray(start, start + size);
    for (let at = start, i = 0; i < count; i++, request++) {
      const length = requests[2 * request + 1] as number;
      at = writeResponseHeader(view, at, requests[2 * request] as number, length) + length;
    }
    const sent = fd < 0 ? 0 : (sendToFake(fd, own) ?? addonSend(own, fd));
    own.fill(0, 0, sent);
    recipient[3] = sent;
    start += size;
  }
}

function addonSend(bytes: Uint8Array, fd: number): number {
  return Math.max(0, loadAddon().addon?.send(bytes, 0, bytes.length, fd) ?? 0);
}

/** The poller of a context, until the test ends. */
export function startPoller(t: Test, context: ConnectionContext): Poller {
  const poller = new Poller(loadAddon().addon as Addon, context);
  t.teardown(() => poller.close());
  return poller;
}

/** What the connections of a server share; `changed` replaces default limits. */
export function serverContext(
  generator: Generator,
  changed: Partial<Limits> = {},
  now: Clock = () => performance.now(),
): ConnectionContext {
  return createContext({
    generator,
    limits: { ...defaultLimits, ...changed },
    version: '1.2.3',
    transitions: new Transitions(),
    now,
  });
}

/** Whether connections use only what node:net documents, instead of the poller. */
const plain = process.env.ENTROPYD_TEST_PLAIN_READ !== undefined;

/** Starts a server in this process until the test ends, by default with the real generator. */
export async function startServer(
  t: Test,
  generator: Generator = createGenerator({ devices: [] }),
  {
    limits,
    now,
    path = freePath(),
    ...options
  }: Partial<ListenOptions> & { limits?: Partial<Limits>; now?: Clock } = {},
): Promise<{ path: string; context: ConnectionContext; close(): Promise<void> }> {
  const context = serverContext(generator, limits, now);
  const fast = plain ? {} : { addon: loadAddon().addon, poller: startPoller(t, context) };
  const server = await listen({ path, mode: 0o666, ...fast, ...options }, context);
  t.teardown(async () => {
    await server.close();
    generator.close();
  });
  return { path, context, close: () => server.close() };
}

/** Starts a server on which this process is an administrator; its path. */
export async function adminServer(t: Test, overrides: Partial<Generator> = {}): Promise<string> {
  const { addon } = loadAddon();
  const adminRule = () => ({ uid: process.geteuid?.() ?? 0, group: undefined });
  const server = await startServer(t, fakeGenerator(overrides), {
    ...(addon === undefined ? {} : { addon }),
    adminRule,
  });
  return server.path;
}

/** Starts a server that is not the daemon; `onConnection` plays its part. */
export async function startFake(
  t: Test,
  onConnection: (socket: Socket, count: number) => void,
  path: string = freePath(),
): Promise<{ path: string; server: Server; sockets: Set<Socket>; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    onConnection(socket, ++count);
  });
  server.listen(path);
  await once(server, 'listening');
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  t.teardown(close);
  return { path, server, sockets, close };
}

/** Both ends of a connection, until the test ends; nothing reads `accepted`, whose descriptor is `fd`. */
export async function socketPair(
  t: Test,
): Promise<{ accepted: Socket; client: Socket; fd: number }> {
  const path = freePath();
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(path);
  t.teardown(() => server.close());
  await once(server, 'listening');
  const connected = once(server, 'connection');
  const client = await open(t, path);
  const [accepted] = (await connected) as [Socket];
  accepted.on('error', () => {});
  t.teardown(() => accepted.destroy());
  return { accepted, client, fd: descriptor(accepted) as number };
}

/** A call, by default a plain `random`, with the promise that it settles. */
export function makeCall(request: Partial<CallRequest>): { call: Call; promise: Promise<unknown> } {
  let call: Call | undefined;
  const promise = new Promise((resolve, reject) => {
    call = new Call({
      method: 'random',
      params: undefined,
      target: undefined,
      timeoutMs: programMs,
      signals: [],
      resolve,
      reject,
      ...request,
    });
  });
  return { call: call as Call, promise };
}

/** Resolves when a daemon returns random bytes on `socketPath`. */
export async function untilAnswers(socketPath: string): Promise<void> {
  const client = connect({ socketPath });
  try {
    await until(
      () =>
        client.random(1).then(
          () => true,
          () => false,
        ),
      `an answer on ${socketPath}`,
    );
  } finally {
    await client.close();
  }
}
