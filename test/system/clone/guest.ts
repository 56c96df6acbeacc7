/** A virtual machine under QEMU that runs test/native/clone_guest.cc, and snapshots of it. */
import { execFile, spawnSync } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { freePath } from '../../support/paths.js';
import { Program } from '../../support/program.js';
import { missing } from '../debian/deb.js';

const script = fileURLToPath(new URL('guest.sh', import.meta.url));
const qemu = 'qemu-system-x86_64';
const tools = [qemu, 'busybox', 'g++', 'python3', 'apt-get', 'dpkg-deb', 'flock'];

/** Longest life of one machine, and so of every wait for it. It boots in 10 s on an idle host. */
const machineMs = 300_000;

/** Last lines that are reported when a machine ends too early. */
const reportedLines = 20;

const kernelArguments = [
  'console=ttyS0',
  // Logs notices on the console, such as the one of a new VM generation ID.
  'loglevel=6',
  // A panic ends the machine.
  'panic=-1',
  // CLOCK_MONOTONIC counts in ns. On so slow a machine the kernel would choose a coarse clock.
  'tsc=reliable',
];

/** Why no virtual machine can be made here; undefined if one can. */
export function impossible(): string | undefined {
  if (process.arch !== 'x64') return 'the guest is for x86-64, and compiled by the host';
  const [name] = missing(tools);
  if (name !== undefined) return `${name} is not installed`;
  const linked = ['-static', '-x', 'c++', '-', '-lcrypto', '-o', '/dev/null'];
  if (spawnSync('g++', linked, { input: 'int main() {}' }).status !== 0)
    return 'libcrypto.a is not installed';
  const { status, stderr } = spawnSync(script, ['kernel'], { encoding: 'utf8' });
  return status === 0 ? undefined : stderr.trim();
}

/** Compiles the guest. @returns the folder of its kernel and its initial file system */
export async function makeGuest(): Promise<string> {
  const { stdout } = await promisify(execFile)(script);
  return stdout.trim();
}

/** One of a machine's sockets, in lines. */
class Channel {
  readonly lines: string[] = [];
  readonly #socket: Socket;
  readonly #over: Promise<never>;
  readonly #changed = new EventEmitter();
  #next = 0;

  /** @param over is rejected when the machine ends */
  constructor(socket: Socket, over: Promise<never>) {
    this.#socket = socket;
    this.#over = over;
    createInterface({ input: socket }).on('line', (line) => {
      this.lines.push(line);
      this.#changed.emit('line');
    });
    // A machine that is killed resets its connections; `over` reports that.
    socket.on('error', () => {});
  }

  /**
   * Resolves with the next line that matches.
   * @throws Error when the machine ends first
   */
  async says(wanted: RegExp): Promise<string> {
    for (;;) {
      while (this.#next < this.lines.length) {
        const line = this.lines[this.#next++] as string;
        if (wanted.test(line)) return line;
      }
      await Promise.race([once(this.#changed, 'line'), this.#over]).catch((error) => {
        const last = this.lines.slice(-reportedLines).join('\n');
        throw new Error(`${wanted} was awaited: ${error.message}\n${last}`);
      });
    }
  }

  /** Passes over what has come by now. */
  skip(): void {
    this.#next = this.lines.length;
  }

  send(line: string): void {
    this.#socket.write(`${line}\n`);
  }
}

/** Listens at `path` for the one connection that a machine makes when it starts. */
async function listen(path: string): Promise<{ connection: Promise<Socket> }> {
  const server = createServer().listen(path);
  await once(server, 'listening');
  server.unref();
  const connection = once(server, 'connection').then(([socket]) => {
    server.close();
    return socket as Socket;
  });
  return { connection };
}

export interface Settings {
  /** The folder of makeGuest(). */
  readonly folder: string;
  /** Model and features, as QEMU's -cpu takes them. */
  readonly cpu: string;
  /** VM generation ID. */
  readonly guid: string;
  /** A snapshot's file: the machine resumes from it instead of booting. */
  readonly snapshot?: string;
}

export class Guest {
  readonly #qemu: Program;
  readonly #monitor: Channel;
  /** The kernel's log. */
  readonly console: Channel;
  /** Input and output of clone_guest. */
  readonly program: Channel;

  private constructor(qemu: Program, [monitor, console, program]: [Channel, Channel, Channel]) {
    this.#qemu = qemu;
    this.#monitor = monitor;
    this.console = console;
    this.program = program;
  }

  /** Boots or resumes a machine, which ends with the test. */
  static async start(t: Test, { folder, cpu, guid, snapshot }: Settings): Promise<Guest> {
    const names = ['monitor', 'console', 'program'] as const;
    const paths = names.map(() => freePath());
    const sockets = await Promise.all(paths.map(listen));
    const args = [
      ...['-nodefaults', '-display', 'none', '-no-reboot', '-machine', 'q35', '-m', '128'],
      // Two CPUs that run at the same time; see StayOnLastCpu() in clone_guest.cc.
      ...['-accel', 'tcg,thread=multi', '-smp', '2', '-cpu', cpu],
      ...['-device', `vmgenid,guid=${guid}`],
      ...['-kernel', join(folder, 'vmlinuz'), '-initrd', join(folder, 'initrd')],
      ...['-append', kernelArguments.join(' ')],
      ...names.flatMap((name, i) => ['-chardev', `socket,id=${name},path=${paths[i]}`]),
      ...['-mon', 'chardev=monitor,mode=control'],
      ...['-serial', 'chardev:console', '-serial', 'chardev:program'],
      ...(snapshot === undefined ? [] : ['-incoming', 'defer']),
    ];
    const process = new Program(t, args, { script: `exec ${qemu} "$0" "$@"`, timeout: machineMs });
    const over = process.ended.then(({ status, signal, stderr }) => {
      throw new Error(`the machine ended with ${status ?? signal} ${stderr}`);
    });
    over.catch(() => {});
    const connections = Promise.all(sockets.map(({ connection }) => connection));
    const channels = (await Promise.race([connections, over])).map((it) => new Channel(it, over));
    const guest = new Guest(process, channels as [Channel, Channel, Channel]);
    await guest.#command('qmp_capabilities');
    const events = { capabilities: [{ capability: 'events', state: true }] };
    await guest.#command('migrate-set-capabilities', events);
    if (snapshot !== undefined) {
      await guest.#migrate('migrate-incoming', `exec:cat '${snapshot}'`);
      await guest.#command('cont');
    }
    return guest;
  }

  /** A command of the QEMU Machine Protocol, which has one JSON object in a line. */
  async #command(execute: string, args: object = {}): Promise<void> {
    this.#monitor.send(JSON.stringify({ execute, arguments: args }));
    const { error } = JSON.parse(await this.#monitor.says(/^\{"(return|error)":/));
    if (error !== undefined) throw new Error(`${execute}: ${error.desc}`);
  }

  /** A snapshot is a migration to a file, or from a file. */
  async #migrate(execute: string, uri: string): Promise<void> {
    await this.#command(execute, { uri });
    const event = await this.#monitor.says(/"MIGRATION".*"(completed|failed)"/);
    if (!event.includes('completed')) throw new Error(`${execute} failed`);
  }

  /** Stops the machine between two instructions, writes its state to `file` and ends it. */
  async snapshot(file: string): Promise<void> {
    await this.#command('stop');
    await this.#migrate('migrate', `exec:cat >'${file}'`);
    await this.end();
  }

  async end(): Promise<void> {
    await this.#qemu.kill('SIGKILL');
  }
}
