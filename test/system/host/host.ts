/**
 * Debian's programs, unmodified, with the example configuration of the OpenSSL provider and a daemon of the
 * test's own. Without root they run as the user of the test.
 */
import { chmodSync, copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { connect } from '../../../src/client/client.js';
import { host as builtHost, root } from '../../native/client/program.js';
import { untilAnswers } from '../../support/daemon.js';
import { temporaryFolder } from '../../support/paths.js';
import { built, environment, Program, startDaemonProgram } from '../../support/program.js';
import { until } from '../../support/until.js';
import { type Outcome, run } from '../interop/run.js';

export const isRoot = process.getuid?.() === 0;

export class Host {
  readonly #t: Test;
  #daemon: Program;
  readonly socketPath: string;
  /** Any user can read it. */
  readonly folder: string;
  /** Of every program that is to use the provider. */
  readonly variables: Readonly<Record<string, string>>;

  private constructor(t: Test, daemon: Program & { path: string }, folder: string) {
    this.#t = t;
    this.#daemon = daemon;
    this.socketPath = daemon.path;
    this.folder = folder;
    this.variables = {
      OPENSSL_CONF: join(folder, 'openssl.cnf'),
      OPENSSL_MODULES: folder,
      ENTROPYD_SOCKET: daemon.path,
    };
  }

  static async start(t: Test): Promise<Host> {
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    copyFileSync(join(root, 'native/client/openssl.cnf'), join(folder, 'openssl.cnf'));
    copyFileSync(join(builtHost, 'entropyd.so'), join(folder, 'entropyd.so'));
    return new Host(t, await startDaemonProgram(t), folder);
  }

  /** Ends the daemon; its socket's file is removed. */
  async stopDaemon(): Promise<void> {
    await this.#daemon.kill('SIGTERM');
  }

  /** Starts it again on the same path. */
  async startDaemon(): Promise<void> {
    this.#daemon = new Program(this.#t, [built('entropyd'), '--socket', this.socketPath]);
    await untilAnswers(this.socketPath);
  }

  /** Random bytes that the daemon has served since its start. */
  async served(): Promise<number> {
    const client = connect({ socketPath: this.socketPath });
    try {
      return (await client.status()).randomBytes;
    } finally {
      await client.close();
    }
  }

  /** Runs a program to its end. */
  run(command: string, args: readonly string[], changed: Record<string, string> = {}) {
    return run(command, args, { ...this.variables, ...changed });
  }

  /** Runs a program to its end, whose success must have cost the daemon at least `size` bytes. */
  async draws(
    size: number,
    command: string,
    args: readonly string[],
    changed: Record<string, string> = {},
  ): Promise<Outcome> {
    const before = await this.served();
    const outcome = await this.run(command, args, changed);
    const drawn = (await this.served()) - before;
    this.#t.equal(outcome.status, 0, `${command} ${args[0]}: ${outcome.stderr}`);
    this.#t.ok(drawn >= size, `${command} ${args[0]}: ${drawn} bytes of the daemon`);
    return outcome;
  }

  /** Starts a program that stays: a server, or a session. Its input is a pipe, and its errors are output. */
  start(command: readonly string[], changed: Record<string, string> = {}): Program {
    return new Program(this.#t, command, {
      script: 'exec "$0" "$@" 2>&1',
      env: { ...environment, ...this.variables, LC_ALL: 'C.UTF-8', ...changed },
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: this.folder,
    });
  }
}

/** A command as another user, for servers that refuse to run as root. The user may not enter the checkout. */
export const as = (user: string, ...command: string[]): string[] =>
  isRoot
    ? [
        'setpriv',
        `--reuid=${user}`,
        `--regid=${user}`,
        '--clear-groups',
        'env',
        '--chdir=/',
        ...command,
      ]
    : command;

/** The first of these files that exists. */
export const firstOf = (...paths: string[]): string | undefined =>
  paths.find((path) => existsSync(path));

/**
 * Resolves as soon as a server does what it is for.
 * @throws Error if it ends instead
 */
export async function untilUp(
  { child, ended }: Program,
  condition: () => Promise<boolean>,
  what: string,
): Promise<void> {
  await until(async () => {
    if (child.exitCode === null && child.signalCode === null) return condition();
    throw new Error(`${what}: it has ended: ${(await ended).stdout}`);
  }, what);
}
