/**
 * The AppArmor profiles: parsed by Debian's compiler, and enforced by a Debian kernel in a virtual machine, where
 * the installed package does all that it is for and the kernel denies it nothing.
 */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { Conversation } from '../../support/conversation.js';
import { Program } from '../../support/program.js';
import { until } from '../../support/until.js';
import { cannotBuild, missing } from './deb.js';

const script = fileURLToPath(new URL('apparmor-guest.sh', import.meta.url));
const profiles = fileURLToPath(new URL('../../../debian/apparmor.d', import.meta.url));
/** What a kernel of Debian 12 or later enforces; this one may have no AppArmor. */
const features = '/etc/apparmor.d/abi/3.0';
const qemu = 'qemu-system-x86_64';

/** Includes building the package. */
const wholeMs = 900_000;
const patience = { limitMs: 120_000, pollMs: 1000 };

t.setTimeout(wholeMs);

/** Runs a group of tests, or says why not; in CI that is a failure. */
function possibly(name: string, reason: string | undefined, run: (t: Test) => Promise<void>) {
  if (reason === undefined) t.test(name, run);
  else if (process.env.CI === 'true') t.fail(`${name}: ${reason}`);
  else t.comment(`not tested: ${name}: ${reason}`);
}

const parser = missing(['apparmor_parser']).length === 0 && existsSync(features);

possibly(
  'Debian’s parser has nothing to say of profiles and abstraction',
  parser ? undefined : 'the Debian package apparmor is not installed',
  async (t) => {
    const parse = (input: string) =>
      spawnSync(
        'apparmor_parser',
        [
          ...['--skip-kernel-load', '--skip-cache', `--kernel-features=${features}`],
          ...['--warn=all', '--Werror', `--Include=${profiles}`],
        ],
        { input, encoding: 'utf8' },
      );
    for (const name of ['entropyd', 'entropyd-gateway'])
      t.match(parse(readFileSync(join(profiles, name), 'utf8')), { status: 0, stderr: '' }, name);
    const client = (rule: string) =>
      `abi <abi/3.0>,\ninclude <tunables/global>\nprofile client {\n  ${rule}\n}\n`;
    t.match(parse(client('include <abstractions/entropyd>')), { status: 0, stderr: '' });
    t.not(parse(client('include <abstractions/none>')).status, 0, 'it would say so');
  },
);

function noGuest(): string | undefined {
  if (process.arch !== 'x64') return 'the guest is for x86-64';
  if (process.getuid?.() !== 0) return 'needs root';
  const [name] = missing([qemu, 'debootstrap', 'mke2fs', 'busybox', 'flock']);
  return name === undefined ? cannotBuild() : `${name} is not installed`;
}

interface Result {
  status: number;
  stdout: string;
  stderr: string;
}

/** A Debian machine with AppArmor. */
class Guest {
  readonly #agent: Conversation;
  readonly #console: string;

  private constructor(agent: Conversation, console: string) {
    this.#agent = agent;
    this.#console = console;
  }

  static async boot(t: Test): Promise<Guest> {
    const { stdout } = await promisify(execFile)(script);
    const folder = stdout.trim();
    const console = join(folder, 'console');
    const args = [
      ...['-nodefaults', '-display', 'none', '-no-reboot', '-machine', 'q35', '-m', '1024'],
      ...['-accel', 'tcg,thread=multi', '-smp', '2', '-cpu', 'max'],
      ...['-kernel', join(folder, 'vmlinuz')],
      ...['-drive', `if=none,id=disk,format=raw,file=${join(folder, 'disk')}`],
      ...['-device', 'nvme,drive=disk,serial=1'],
      ...['-append', 'root=/dev/nvme0n1 rw console=ttyS0 panic=-1 sysctl.kernel.printk_ratelimit=0'],
      ...['-serial', `file:${console}`, '-serial', 'stdio'],
    ];
    const script_ = `exec ${qemu} "$0" "$@"`;
    const program = new Program(t, args, { script: script_, stdio: ['pipe', 'pipe', 'pipe'] });
    const guest = new Guest(new Conversation(program), console);
    t.equal(await guest.#agent.say(''), '{}', 'the machine is up');
    return guest;
  }

  /** Runs a shell script as root. */
  async run(text: string): Promise<Result> {
    return JSON.parse(await this.#agent.say(JSON.stringify(text)));
  }

  /** The same for scripts that must succeed. @returns what it printed */
  async sh(text: string): Promise<string> {
    const { status, stdout, stderr } = await this.run(text);
    if (status !== 0) throw new Error(`${text}: ${status}\n${stdout}${stderr}`);
    return stdout.trimEnd();
  }

  /** What AppArmor has denied so far, oldest first. */
  denied(): string[] {
    const text = readFileSync(this.#console, 'latin1');
    return text.split(/\r?\n/).filter((line) => line.includes('apparmor="DENIED"'));
  }
}

possibly('enforced by the kernel, they deny nothing that is needed', noGuest(), async (t) => {
  const guest = await Guest.boot(t);
  t.equal(await guest.sh('cat /sys/module/apparmor/parameters/enabled'), 'Y');
});
