/** A Debian machine under QEMU, whose kernel enforces AppArmor and on which the package of this tree is installed. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { Conversation } from '../../support/conversation.js';
import { Program } from '../../support/program.js';
import { cannotBuild, missing } from './deb.js';

const script = fileURLToPath(new URL('apparmor-guest.sh', import.meta.url));
const qemu = 'qemu-system-x86_64';

/** Why no machine can be made here; undefined if one can. */
export function noGuest(): string | undefined {
  if (process.arch !== 'x64') return 'the guest is for x86-64';
  if (process.getuid?.() !== 0) return 'needs root';
  const [name] = missing([qemu, 'debootstrap', 'mke2fs', 'busybox', 'flock']);
  return name === undefined ? cannotBuild() : `${name} is not installed`;
}

/** What a shell script did. */
export interface Result {
  status: number;
  stdout: string;
  stderr: string;
}

export class Guest {
  readonly #agent: Conversation;
  #seen = 0;

  private constructor(agent: Conversation) {
    this.#agent = agent;
  }

  /** Boots it, which takes a minute on a slow host; it ends with the test. */
  static async boot(t: Test): Promise<Guest> {
    const { stdout } = await promisify(execFile)(script);
    const folder = stdout.trim();
    const args = [
      ...['-nodefaults', '-display', 'none', '-no-reboot', '-machine', 'q35', '-m', '1024'],
      ...['-accel', 'tcg,thread=multi', '-smp', '2', '-cpu', 'max'],
      ...['-kernel', join(folder, 'vmlinuz')],
      ...['-drive', `if=none,id=disk,format=raw,file=${join(folder, 'disk')}`],
      ...['-device', 'nvme,drive=disk,serial=1'],
      ...[
        '-append',
        'root=/dev/nvme0n1 rw console=ttyS0 panic=-1 sysctl.kernel.printk_ratelimit=0',
      ],
      ...['-serial', `file:${join(folder, 'console')}`, '-serial', 'stdio'],
    ];
    const command = `exec ${qemu} "$0" "$@"`;
    const program = new Program(t, args, { script: command, stdio: ['pipe', 'pipe', 'pipe'] });
    const guest = new Guest(new Conversation(program));
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

  /** What AppArmor has denied since the last call: path or family of sockets, oldest first. */
  async denied(): Promise<string[]> {
    const lines = (await this.sh('dmesg | grep \'apparmor="DENIED"\' || true'))
      .split('\n')
      .slice(this.#seen);
    const found = lines.filter((line) => line !== '');
    this.#seen += found.length;
    return found.map((line) => / (?:name|family)="?([^" ]+)/.exec(line)?.[1] ?? line);
  }

  /** Writes a file. */
  async write(path: string, text: string): Promise<void> {
    const encoded = Buffer.from(text).toString('base64');
    await this.sh(`mkdir -p "$(dirname ${path})"; echo ${encoded} | base64 -d >${path}`);
  }
}
