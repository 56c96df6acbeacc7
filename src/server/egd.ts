/**
 * The protocol of the Entropy Gathering Daemon, for QEMU's rng-egd and programs with an EGD setting:
 * five commands, answered in order. docs/protocol.md has their layouts.
 */
import { ByteConnection, pageSize } from './byte-connection.js';
import type { ConnectionOptions } from './connection.js';
import type { ConnectionContext } from './context.js';
import { PendingInput, type ReceiveBuffer } from './socket-input.js';

/** First bytes of the commands. */
const Egd = { available: 0, take: 1, block: 2, mix: 3, pid: 4 } as const;

const bitsPerByte = 8;

export type EgdKind = keyof typeof Egd | 'incomplete' | 'unknown';

/** The next command of a client, or the next ones if they are alike. One object is used again and again. */
export class EgdCommand {
  kind: EgdKind = 'incomplete';
  /** Random bytes wanted, of all commands together; or bytes to mix, which end at `end`. */
  size = 0;
  /** Commands; more than one only of kind `block`. */
  count = 0;
  /** Where the next one begins. */
  end = 0;

  /**
   * Decodes the start of [at, end).
   * @param bytes untrusted
   * @returns this
   */
  read(bytes: Uint8Array, at: number, end: number): this {
    this.#set('incomplete', 0, 0, at);
    if (at === end) return this;
    const parameter = at + 1 < end ? (bytes[at + 1] as number) : -1;
    switch (bytes[at]) {
      case Egd.available:
        return this.#set('available', 0, 1, at + 1);
      case Egd.pid:
        return this.#set('pid', 0, 1, at + 1);
      case Egd.take:
        return parameter < 0 ? this : this.#set('take', parameter, 1, at + 2);
      case Egd.block:
        return this.#readBlocks(bytes, at, end);
      case Egd.mix: {
        // The client's estimate, two bytes, is not used: nothing is credited.
        if (at + 3 >= end) return this;
        const size = bytes[at + 3] as number;
        return at + 4 + size > end ? this : this.#set('mix', size, 1, at + 4 + size);
      }
      default:
        return this.#set('unknown', 0, 1, at + 1);
    }
  }

  /** Commands of this kind that follow each other are answered by one generate. */
  #readBlocks(bytes: Uint8Array, at: number, end: number): this {
    let next = at;
    let size = 0;
    for (; next + 1 < end && bytes[next] === Egd.block; next += 2) {
      const parameter = bytes[next + 1] as number;
      if (size + parameter > pageSize) break;
      size += parameter;
    }
    return next === at ? this : this.#set('block', size, (next - at) / 2, next);
  }

  #set(kind: EgdKind, size: number, count: number, end: number): this {
    this.kind = kind;
    this.size = size;
    this.count = count;
    this.end = end;
    return this;
  }
}

/** One for all connections: its contents are used at once. */
const command = new EgdCommand();

export class EgdConnection extends ByteConnection {
  readonly #input = new PendingInput();
  /** Since when a command is incomplete; 0: none is. */
  #incompleteSince = 0;

  constructor(options: ConnectionOptions, context: ConnectionContext) {
    super(options, context, context.counters.egd);
  }

  receive(read: ReceiveBuffer, at: number, end: number): void {
    if (this.ending) return;
    this.#input.append(read, at, end);
    this.beginTurn();
    this.serve();
    this.#input.keep(read);
  }

  /**
   * First reads what has been sent: QEMU never repeats a request, and its guest waits for each answer.
   * A turn of the event loop reads what the kernel has.
   */
  finish(): void {
    setImmediate(() => setImmediate(() => this.end()));
  }

  override sweep(now: number): void {
    super.sweep(now);
    const late = now - this.#incompleteSince > this.context.limits.messageSeconds * 1000;
    if (this.#incompleteSince === 0 || !late) return;
    this.#reject();
    this.serve();
  }

  protected override serve(): void {
    super.serve();
    // Nothing more is read than can be answered.
    if (this.blocked) this.socket.pause();
    else if (this.socket.isPaused() && !this.ending) this.socket.resume();
  }

  protected take(): boolean {
    const input = this.#input;
    if (input.empty) return false;
    const { bytes } = input.buffer;
    const { kind, size, count, end } = command.read(bytes, input.at, input.end);
    if (kind === 'incomplete') {
      if (this.#incompleteSince === 0) this.#incompleteSince = this.context.now();
      return false;
    }
    this.#incompleteSince = 0;
    if (kind === 'block' && size > 0 && !this.send(size)) return true;
    if (kind === 'mix' && !this.#mix(bytes, end - size, size)) return true;
    input.at = end;
    this.context.counters.requests += count;
    if (kind === 'take') this.#take(size);
    else if (kind === 'available') this.#answerAvailable();
    else if (kind === 'pid') this.#answerPid();
    else if (kind === 'unknown') this.#reject();
    return true;
  }

  /** As many bytes as there are now: all that are wanted, or none. */
  #take(size: number): void {
    if (size > 0 && this.user.admits(this))
      try {
        this.writer.sendCounted(size);
        this.count(size);
        return;
      } catch {
        // Not seeded, or failed.
      }
    this.writer.sendMessage([Buffer.of(0)]);
  }

  /** There is no store that could run empty. */
  #answerAvailable(): void {
    const serves = !['seeding', 'error'].includes(this.context.generator.state());
    const bits = Buffer.alloc(4);
    if (serves && this.user.admits(this)) bits.writeUInt32BE(pageSize * bitsPerByte);
    this.writer.sendMessage([bits]);
  }

  #answerPid(): void {
    const digits = Buffer.from(String(process.pid));
    this.writer.sendMessage([Buffer.of(digits.length), digits]);
  }

  /** @returns false if the user's rate does not allow it now */
  #mix(bytes: Uint8Array, at: number, size: number): boolean {
    if (!this.user.admits(this)) {
      this.wait();
      return false;
    }
    const { generator, counters } = this.context;
    generator.mix(bytes, at, size);
    this.user.consume(size);
    counters.mixedBytes += size;
    return true;
  }

  /** Where a command ends that is unknown or too slow is unknown as well. */
  #reject(): void {
    this.context.counters.error('ERR_MESSAGE');
    this.#input.clear();
    this.#incompleteSince = 0;
    this.ending = true;
  }
}
