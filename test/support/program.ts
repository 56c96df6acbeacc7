/** Runs the built programs as processes, and commands in this process. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { freePath } from './paths.js';

/** Longest standard output that is kept, characters. */
const maxPrinted = 1_000_000;

/**
 * The path of a built program or module in dist/.
 * @throws Error if it was not built
 */
export function built(name: string): string {
  const path = fileURLToPath(new URL(`../../dist/${name}.js`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: npm run build:typescript`);
  return path;
}

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** An environment from which no daemon of this host is found. */
export const environment: NodeJS.ProcessEnv = {
  PATH: process.env.PATH,
  HOME: '/nonexistent',
};

/** A process that is killed when the test ends. It has no time limit but the test file's: a busy host is slow. */
export class Program {
  readonly child: ChildProcess;
  stderr = '';
  readonly ended: Promise<Ended>;

  /** @param options with `script`, sh runs that with `args`; otherwise Node runs `args` */
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

  /**
   * Resolves with the standard error so far as soon as that matches.
   * @throws Error if the program ends first
   */
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
 * Starts the built `entropyd` as a service manager does: with a socket that is already listening.
 * This process has closed its own copy when the promise resolves.
 * @param listen a path or a TCP address; port 0 lets the kernel choose
 * @param name the socket's name in LISTEN_FDNAMES
 * @param before runs when the socket listens and nobody accepts, before the program starts. The socket
 *   then outlives the program, as the service manager's does
 */
export async function startActivated(
  t: Test,
  listen: { path: string } | { host: string; port: number },
  name: string,
  args: readonly string[] = [],
  before?: (port: number) => Promise<unknown>,
): Promise<{ program: Program; port: number }> {
  const server = createServer().listen(listen);
  await once(server, 'listening');
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  const address = server.address();
  const script = `read -r _; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=${name}; exec "$0" "$@"`;
  const program = new Program(t, [process.execPath, built('entropyd'), ...args], {
    script,
    stdio: ['pipe', 'pipe', 'pipe', fd],
  });
  if (before !== undefined) {
    const holder = spawn('sleep', ['300'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
    t.teardown(() => holder.kill('SIGKILL'));
  }
  // close() unlinks the socket's file if it finds it.
  if ('path' in listen) renameSync(listen.path, `${listen.path}.kept`);
  await new Promise((resolve) => server.close(resolve));
  if ('path' in listen) renameSync(`${listen.path}.kept`, listen.path);
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  await before?.(port);
  program.child.stdin?.end('\n');
  return { program, port };
}

/** What a command in this process prints to standard output. */
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

/** The exit code that a command in this process sets. */
export async function exitCodeOf(command: () => Promise<unknown>): Promise<unknown> {
  const before = process.exitCode;
  process.exitCode = undefined;
  await command();
  const { exitCode } = process;
  process.exitCode = before;
  return exitCode;
}

/** Number of matches; `pattern` has the flag g. */
export function count(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].length;
}

/** The lines of a text, without the empty one after a final newline. */
export function lines(text: string): string[] {
  return text.replace(/\n$/, '').split('\n');
}
