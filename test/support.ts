/** What the tests share: sockets, a server in this process, the built programs, raw messages. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Packr } from 'msgpackr';
import root, { type Test } from 'tap';
import { Call, type CallRequest } from '../src/client/call.js';
import { connect } from '../src/client/client.js';
import { loadAddon } from '../src/common/package.js';
import { defaultLimits, type Limits } from '../src/config/config.js';
import { createGenerator } from '../src/generator/create.js';
import type { Generator } from '../src/generator/interface.js';
import { Transitions } from '../src/server/activity.js';
import { type ConnectionContext, createContext } from '../src/server/context.js';
import { type ListenOptions, listen } from '../src/server/listener.js';

/** Longest that a program may take to start or to end, on a slow and busy machine. */
export const programMs = 30_000;

/** What is kept of a program's standard output, characters. */
const maxPrinted = 1_000_000;

/** Of one message, as in the daemon. */
export const maxMessageSize = 65_536;

const packr = new Packr({ useRecords: false });

export function pack(value: unknown): Buffer {
  return Buffer.from(packr.pack(value));
}

/** A request as clients send it. */
export function message(id: number, method: unknown, params: unknown): Buffer {
  return pack([0, id, method, params]);
}

/** All messages in `bytes`, which end with the last one. */
export function unpackAll(bytes: Uint8Array): unknown[][] {
  return bytes.length === 0 ? [] : (packr.unpackMultiple(bytes) as unknown[][]);
}

let folder: string | undefined;
let paths = 0;

/** A folder of this test's own below the temporary one: short enough for the paths of sockets. */
export function temporaryFolder(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'entropyd-'));
    root.teardown(() => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return folder;
}

/** Where clients and daemon of this process look, until the test ends. */
export function setSocketVariable(t: Test, path: string): void {
  const before = process.env.ENTROPYD_SOCKET;
  t.teardown(() => {
    if (before === undefined) delete process.env.ENTROPYD_SOCKET;
    else process.env.ENTROPYD_SOCKET = before;
  });
  process.env.ENTROPYD_SOCKET = path;
}

/** A path that nothing is at, for a socket. */
export function freePath(): string {
  return join(temporaryFolder(), `${++paths}.sock`);
}

/** A generator whose bytes are all 0xaa, ordinary memory, and whatever else a test says. */
export function fakeGenerator(overrides: Partial<Generator> = {}): Generator {
  const status = {
    state: 'operational',
    healthy: true,
    reason: '',
    sources: [],
    reseeds: 1,
    requestsSinceReseed: 0,
    secondsSinceReseed: 0,
    memoryLocked: false,
  } as const;
  return {
    fill: (target, offset, length) => void target.fill(0xaa, offset, offset + length),
    fillFresh: async (target, offset, length) => void target.fill(0xbb, offset, offset + length),
    allocate: (size) => new Uint8Array(size),
    wipe: (target, offset, length) => void target.fill(0, offset, offset + length),
    state: () => status.state,
    status: () => ({ ...status, sources: [] }),
    reseed() {},
    selfTest: () => true,
    noise: async (_, size) => new Uint8Array(size).fill(0xcc),
    close() {},
    ...overrides,
  };
}

export function serverContext(
  generator: Generator,
  changed: Partial<Limits> = {},
): ConnectionContext {
  return createContext({
    generator,
    limits: { ...defaultLimits, ...changed },
    version: '1.2.3',
    transitions: new Transitions(),
  });
}

/** Whether connections are read and written as the documentation of node:net has it. */
const plain = process.env.ENTROPYD_TEST_PLAIN_READ !== undefined;

/** A server in this process until the test ends; by default with the real generator. */
export async function startServer(
  t: Test,
  generator: Generator = createGenerator({ devices: [] }),
  { limits, ...options }: Partial<ListenOptions> & { limits?: Partial<Limits> } = {},
): Promise<{ path: string; context: ConnectionContext; close(): Promise<void> }> {
  const path = freePath();
  const context = serverContext(generator, limits);
  const fast = plain ? {} : { addon: loadAddon().addon };
  const staticRead = Promise.resolve(!plain);
  const server = await listen({ path, mode: 0o666, staticRead, ...fast, ...options }, context);
  t.teardown(async () => {
    await server.close();
    generator.close();
  });
  return { path, context, close: () => server.close() };
}

/** A server that is no daemon: `onConnection` does what the test needs. */
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

/** A call, by default of a plain `random`, and the promise that it settles. */
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

/** A connection until the test ends. */
export async function open(t: Test, path: string): Promise<Socket> {
  const socket = netConnect({ path, allowHalfOpen: true });
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.on('error', () => {});
  return socket;
}

/** Sends bytes, ends its side, and returns all that comes back until the other side ends. */
export async function exchange(t: Test, path: string, ...parts: Uint8Array[]): Promise<Buffer> {
  const socket = await open(t, path);
  const collected = collect(socket);
  for (const part of parts) socket.write(part);
  socket.end();
  return collected;
}

/** All bytes until the other side ends or goes. */
export function collect(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on('data', (data) => parts.push(data));
    socket.on('end', () => resolve(Buffer.concat(parts)));
    socket.on('close', () => resolve(Buffer.concat(parts)));
  });
}

/** The next `size` bytes or more. */
export function take(socket: Socket, size: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const done = () => {
      socket.off('data', onData).off('close', onClose);
      resolve(bytes);
    };
    const onData = (data: Buffer) => {
      bytes = Buffer.concat([bytes, data]);
      if (bytes.length >= size) done();
    };
    const onClose = () => reject(new Error(`closed after ${bytes.length} of ${size} bytes`));
    socket.on('data', onData).on('close', onClose);
  });
}

/** The next `count` answers. */
export async function takeAnswers(socket: Socket, count: number): Promise<unknown[][]> {
  let bytes = Buffer.alloc(0);
  for (;;) {
    bytes = Buffer.concat([bytes, await take(socket, 1)]);
    try {
      const answers = unpackAll(bytes);
      if (answers.length >= count) return answers;
    } catch {
      // The last one is not whole yet.
    }
  }
}

/** Resolves when a daemon answers on `socketPath`. */
export async function untilAnswers(socketPath: string): Promise<void> {
  const client = connect({ socketPath });
  const deadline = performance.now() + programMs;
  try {
    for (;;) {
      const failure = await client.random(1).catch((error: unknown) => error);
      if (failure instanceof Uint8Array) return;
      if (performance.now() > deadline) throw failure;
      await setTimeout(10);
    }
  } finally {
    await client.close();
  }
}

/** The path of a built program or module. */
export function built(name: string): string {
  const path = fileURLToPath(new URL(`../dist/${name}.js`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: npm run build:typescript`);
  return path;
}

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** An environment in which no other daemon is found. */
export const environment: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
};

/** A process that is gone when the test ends. */
export class Program {
  readonly child: ChildProcess;
  stderr = '';
  readonly ended: Promise<Ended>;

  /** @param options `script`: a shell script, whose arguments are `args` */
  constructor(
    t: Test,
    args: readonly string[],
    { script, ...options }: SpawnOptions & { script?: string } = {},
  ) {
    const [command, all] =
      script === undefined ? [process.execPath, args] : ['sh', ['-c', script, ...args]];
    const child = spawn(command, all, {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: programMs,
      killSignal: 'SIGKILL',
      ...options,
    });
    this.child = child;
    child.stderr?.on('data', (data) => {
      this.stderr += data;
    });
    let stdout = '';
    child.stdout?.setEncoding('latin1').on('data', (data: string) => {
      if (stdout.length < maxPrinted) stdout += data;
    });
    this.ended = new Promise((resolve) => {
      child.on('close', (status, signal) =>
        resolve({ status, signal, stdout, stderr: this.stderr }),
      );
    });
    t.teardown(async () => {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      await this.ended;
    });
  }

  /** Resolves when standard error holds `wanted`. */
  async says(wanted: string | RegExp): Promise<string> {
    const found = () =>
      typeof wanted === 'string' ? this.stderr.includes(wanted) : wanted.test(this.stderr);
    while (!found()) {
      const ended = await Promise.race([
        once(this.child.stderr as NodeJS.ReadableStream, 'data').then(() => undefined),
        this.ended,
      ]);
      if (ended !== undefined && !found())
        throw new Error(`ended with ${ended.status}: ${ended.stderr}`);
    }
    return this.stderr;
  }

  kill(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** Runs a built program to its end. */
export function run(
  t: Test,
  name: string,
  args: readonly string[],
  options?: SpawnOptions,
): Promise<Ended> {
  return new Program(t, [built(name), ...args], options).ended;
}

/** Starts the built daemon and waits until it listens. */
export async function startDaemonProgram(
  t: Test,
  args: readonly string[] = [],
  options?: SpawnOptions,
): Promise<Program & { path: string }> {
  const path = freePath();
  const program = new Program(t, [built('entropyd'), '--socket', path, ...args], options);
  await program.says('entropyd listening');
  return Object.assign(program, { path });
}

/**
 * Starts the built `entropyd` as a service manager does: with a socket that it did not open, and that
 * this process has no more when this resolves.
 * @param listen where: a path, or a port of 127.0.0.1 or of `host`
 * @param name as LISTEN_FDNAMES
 */
export async function startActivated(
  t: Test,
  listen: { path: string } | { host: string; port: number },
  name: string,
  args: readonly string[] = [],
): Promise<{ program: Program; port: number }> {
  const server = createServer().listen(listen);
  await once(server, 'listening');
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const address = server.address();
  const script = `export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=${name}; exec "$0" "$@"`;
  const program = new Program(t, [process.execPath, built('entropyd'), ...args], {
    script,
    stdio: ['ignore', 'pipe', 'pipe', fd],
  });
  // Closing takes the file along, if it finds it.
  if ('path' in listen) renameSync(listen.path, `${listen.path}.kept`);
  await new Promise((resolve) => server.close(resolve));
  if ('path' in listen) renameSync(`${listen.path}.kept`, listen.path);
  return { program, port: typeof address === 'object' ? (address?.port ?? 0) : 0 };
}

/** What a command of this process prints to standard output. */
export async function printedBy(
  t: Test,
  command: () => Promise<unknown>,
  encoding: BufferEncoding = 'utf8',
): Promise<string> {
  let text = '';
  const { restore } = t.intercept(process.stdout, 'write', {
    value(data: string | Uint8Array, done?: () => void) {
      text += Buffer.from(data as string).toString('latin1');
      done?.();
      return true;
    },
  });
  try {
    await command();
  } finally {
    restore();
  }
  return Buffer.from(text, 'latin1').toString(encoding);
}

/** The exit code that a command of this process sets. */
export async function exitCodeOf(command: () => Promise<unknown>): Promise<unknown> {
  const before = process.exitCode;
  process.exitCode = undefined;
  await command();
  const { exitCode } = process;
  process.exitCode = before;
  return exitCode;
}

/** How often `pattern` matches. */
export function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

/** The lines of a text without an empty last one. */
export function lines(text: string): string[] {
  return text.replace(/\n$/, '').split('\n');
}
