/** A machine with a real systemd; by default the package is installed on it as npm's users do. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { type Patience, until } from '../../support/until.js';
import { cannotPack, tarball } from '../package/tarball.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const script = join(root, 'test/system/systemd/machine.sh');
const commandMs = 180_000;

/** For conditions that run a command on the machine. */
export const patient: Patience = { limitMs: 60_000, pollMs: 100 };

/** Why no machine can be started here; undefined if one can. */
export function impossible(): string | undefined {
  const { status, stdout } = spawnSync(script, ['possible'], { encoding: 'utf8' });
  return status === 0 ? cannotPack() : stdout.trim() || 'the tools of util-linux are missing';
}

/** The package on the machine as an operator installs it. */
async function installPackage(tree: string): Promise<void> {
  const to = join(tree, 'usr');
  const args = ['install', '--global', '--offline', '--prefix', to, await tarball()];
  execFileSync('npm', args, { cwd: tree, encoding: 'utf8' });
  // The sandbox hides home folders, where a version manager may keep Node.
  if (dirname(process.execPath) !== '/usr/bin') cpSync(process.execPath, join(to, 'bin/node'));
}

export interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** What clients saw under load. */
export interface Load {
  answered: number;
  /** Number of failures by code and message. */
  failures: Record<string, number>;
  worstMs: number;
}

/** What a machine consists of. */
export interface Parts {
  /** The folder that is its file system's lower layer. */
  root: string;
  /** Puts the machine's own files below `tree`. */
  furnish(tree: string): Promise<void> | void;
  /** Where Node and the library are on the machine, once installed. */
  node: string;
  library: string;
}

const npmParts: Parts = {
  root: '/',
  furnish: installPackage,
  node: 'node',
  library: '/usr/lib/node_modules/entropyd/dist/index.js',
};

export class Machine {
  readonly #folder: string;
  readonly #parts: Parts;

  private constructor(folder: string, parts: Parts) {
    this.#folder = folder;
    this.#parts = parts;
  }

  /** Boots a machine, without /dev/hwrng and without units of ours; it is removed when the test ends. */
  static async start(t: Test, parts: Parts = npmParts): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), 'entropyd-machine-'));
    const tree = join(folder, 'tree');
    mkdirSync(tree);
    await parts.furnish(tree);
    for (const name of ['load.mjs', 'crowd.mjs', 'sandbox.mjs'])
      cpSync(join(root, 'test/system/systemd', name), join(tree, 'opt', name));
    t.teardown(() => {
      spawnSync(script, ['stop', folder]);
      rmSync(folder, { recursive: true, force: true });
    });
    const { status, stdout, stderr } = spawnSync(script, ['start', folder, parts.root], {
      encoding: 'utf8',
      timeout: commandMs,
    });
    if (status !== 0) throw new Error(`no machine: ${stderr}`);
    t.comment(`systemd is ${stdout.trim()}`);
    return new Machine(folder, parts);
  }

  /** The command line that runs the words after it as root. */
  get enter(): readonly string[] {
    return [script, 'exec', this.#folder];
  }

  /** Runs a command as root, or as another user. */
  run(command: readonly string[], user?: string, input?: string): Result {
    const [program = '', ...words] = this.enter;
    return spawnSync(program, [...words, ...as(user), ...command], {
      encoding: 'utf8',
      timeout: commandMs,
      input,
    });
  }

  /**
   * The same for commands that must succeed.
   * @returns standard output without the final newline
   */
  ok(command: readonly string[], user?: string, input?: string): string {
    const { status, stdout, stderr } = this.run(command, user, input);
    if (status !== 0) throw new Error(`${command.join(' ')}: ${status}\n${stdout}${stderr}`);
    return stdout.trimEnd();
  }

  /** A shell script as root. */
  sh(text: string): string {
    return this.ok(['sh', '-ec', text]);
  }

  write(path: string, text: string): void {
    this.ok(['sh', '-ec', 'mkdir -p "$(dirname "$0")"; cat >"$0"', path], undefined, text);
  }

  /** A property of a unit. */
  show(unit: string, property: string): string {
    return this.ok(['systemctl', 'show', '--value', '-p', property, unit]);
  }

  /** Everything that a unit has logged by now, oldest first. */
  journal(unit: string): { priority: number; text: string }[] {
    this.ok(['journalctl', '--sync']);
    return this.ok(['journalctl', '-u', unit, '-o', 'json', '--no-pager'])
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .map(({ PRIORITY, MESSAGE }) => ({ priority: Number(PRIORITY), text: String(MESSAGE) }));
  }

  /**
   * Runs `action` while `clients` processes of nobody's ask without a pause; see load.mjs.
   * @param action gets a function that resolves when each process was answered many times since
   */
  async underLoad(
    clients: number,
    action: (served: () => Promise<void>) => Promise<void>,
    program: readonly string[] = ['/opt/load.mjs'],
  ): Promise<Load> {
    const { node, library } = this.#parts;
    const client = [...as('nobody'), node, ...program, library];
    const children = Array.from({ length: clients }, () =>
      spawn(script, ['exec', this.#folder, ...client], {
        stdio: ['pipe', 'pipe', 'inherit'],
        timeout: commandMs,
      }),
    );
    const marks = children.map(() => 0);
    const printed = children.map(async (child, i) => {
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (data: string) => {
        text += data;
        marks[i] = text.split('\n').length;
      });
      await once(child, 'close');
      return text;
    });
    const started = children.map(({ stdout }) => once(stdout, 'data'));
    await Promise.race([Promise.all(started), ...printed.map(noLoad)]);
    const served = async () => {
      const before = marks.map((count) => count);
      await until(
        () => marks.every((count, i) => count > (before[i] ?? 0) + 1),
        'answers',
        patient,
      );
    };
    await action(served);
    for (const { stdin } of children) stdin.end();
    const all: Load = { answered: 0, failures: {}, worstMs: 0 };
    for (const text of await Promise.all(printed)) {
      const one = JSON.parse(text.trim().split('\n').at(-1) ?? '') as Load;
      all.answered += one.answered;
      all.worstMs = Math.max(all.worstMs, one.worstMs);
      for (const [failure, count] of Object.entries(one.failures))
        all.failures[failure] = (all.failures[failure] ?? 0) + count;
    }
    return all;
  }
}

/** Fails when a client ends before it is told to. */
async function noLoad(printed: Promise<string>): Promise<never> {
  throw new Error(`a client ended: ${await printed}`);
}

function as(user: string | undefined): string[] {
  return user === undefined
    ? []
    : [
        'setpriv',
        '--reuid',
        user,
        '--regid',
        user === 'nobody' ? 'nogroup' : user,
        '--init-groups',
      ];
}
