/** A connection that compares each answer with the expected one as it arrives. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { programMs } from '../support/until.js';
import { codeOf, fault, Splitter, shown } from './answers.js';
import type { Expected } from './oracle.js';
import type { Value } from './reader.js';

export interface ConversationOptions {
  /** The daemon may close with bytes unread, which the kernel reports as ECONNRESET. */
  readonly mayReset?: boolean | undefined;
  /** Longest wait for anything that the daemon owes, ms; default {@link programMs}. */
  readonly waitMs?: number | undefined;
}

export class Conversation {
  readonly #socket: Socket;
  readonly #expected: readonly Expected[];
  readonly #splitter: Splitter;
  readonly #waitMs: number;
  #failure: Error | undefined;
  #ended = false;
  /** A write failed after the daemon had closed: Node then drops an answer that is not read yet. */
  #cutOff = false;
  #wake = () => {};
  /** The number of answers that came and were right. */
  answers = 0;
  /** The codes of the errors among them, in order. */
  readonly codes: string[] = [];

  /**
   * Connects.
   * @param expected the oracle's answers, in order; the caller may append to it
   */
  static async open(
    path: string,
    expected: readonly Expected[],
    options: ConversationOptions = {},
  ): Promise<Conversation> {
    const socket = connect({ path, allowHalfOpen: true });
    const conversation = new Conversation(socket, expected, options);
    await once(socket, 'connect');
    return conversation;
  }

  private constructor(
    socket: Socket,
    expected: readonly Expected[],
    { mayReset = false, waitMs = programMs }: ConversationOptions,
  ) {
    this.#socket = socket;
    this.#waitMs = waitMs;
    this.#expected = expected;
    this.#splitter = new Splitter((answer) => this.#answer(answer));
    const ended = () => {
      this.#ended = true;
      this.#wake();
    };
    socket
      .on('data', (chunk) => this.#receive(chunk))
      .on('end', ended)
      .on('close', ended)
      .on('error', (error: NodeJS.ErrnoException) => {
        if (!mayReset) this.#fail(error);
        else if (error.syscall === 'write') this.#cutOff = true;
      });
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes, () => this.#wake());
  }

  /** Half-closes the connection. */
  end(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Resolves when the kernel has taken everything that was written. */
  async written(): Promise<void> {
    await this.#until(() => this.#socket.writableLength === 0, 'every byte taken');
  }

  /** Resolves when so many answers have come; of a connection that was cut off, all but the last. */
  async answered(count: number): Promise<void> {
    await this.#until(
      () => this.answers >= count || (this.#cutOff && this.answers === count - 1),
      `${count} answers`,
    );
  }

  /**
   * Resolves when the daemon has ended the connection.
   * @throws Error if the last answer is incomplete
   */
  async ended(): Promise<void> {
    await this.#until(() => this.#ended, 'the end of the connection');
    if (this.#splitter.left > 0) throw new Error(`${this.#splitter.left} bytes of a torn answer`);
  }

  async #until(condition: () => boolean, what: string): Promise<void> {
    const late = setTimeout(() => this.#fail(new Error('too late')), this.#waitMs);
    try {
      while (!condition() && this.#failure === undefined && !this.#ended)
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    } finally {
      clearTimeout(late);
    }
    const failure = this.#failure ?? (condition() ? undefined : new Error('ended too early'));
    if (failure !== undefined)
      throw new Error(`${failure.message}; want ${what}, ${this.answers} answers came`);
  }

  #receive(chunk: Buffer): void {
    try {
      this.#splitter.push(chunk);
    } catch (error) {
      this.#fail(error as Error);
    }
    this.#wake();
  }

  #answer(answer: Value): void {
    const wrong = fault(this.#expected[this.answers], answer);
    if (wrong !== undefined)
      throw new Error(`answer ${this.answers} is ${shown(answer)}: ${wrong}`);
    const code = codeOf(answer);
    if (code !== undefined) this.codes.push(code);
    this.answers++;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake();
  }
}
