/** A machine with a real systemd; by default the package is installed on it as npm's users do. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import type { Patience } from '../../support/until.js';
import { cannotPack, tarball } from '../package/tarball.js';
import { type Load, underLoad } from './load.js';

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
export async function installPackage(tree: string): Promise<void> {
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

  /** Its first process, as this system numbers it: the way into its namespaces. */
  get process(): string {
    return readFileSync(join(this.#folder, 'inside'), 'utf8').trim();
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
  underLoad(
    clients: number,
    action: (served: () => Promise<void>) => Promise<void>,
    program: readonly string[] = ['/opt/load.mjs'],
  ): Promise<Load> {
    const { node, library } = this.#parts;
    const command = [script, 'exec', this.#folder, ...as('nobody'), node, ...program, library];
    return underLoad(
      Array.from({ length: clients }, () => command),
      action,
    );
  }
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
