/** A connection that holds every answer against what is expected, as it comes. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { fault, Splitter, shown } from './answers.mjs';

/** Longest wait for whatever the daemon owes, on a slow and busy machine. */
const defaultWaitMs = 30_000;

export class Conversation {
  #socket;
  #expected;
  #splitter;
  #waitMs;
  #failure;
  #ended = false;
  #wake = () => {};
  /** Answers that came and were right. */
  answers = 0;
  /** Of errors among them, in order. */
  codes = [];

  /**
   * @param expected as the oracle says it; may grow
   * @param options `mayReset`: the daemon may close with bytes unread, which the kernel tells as
   *   ECONNRESET; `waitMs`
   */
  static async open(path, expected, options = {}) {
    const socket = connect({ path, allowHalfOpen: true });
    const conversation = new Conversation(socket, expected, options);
    await once(socket, 'connect');
    return conversation;
  }

  constructor(socket, expected, { mayReset = false, waitMs = defaultWaitMs }) {
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
      .on('error', (error) => {
        if (!mayReset) this.#fail(error);
      });
  }

  write(bytes) {
    this.#socket.write(bytes, () => this.#wake());
  }

  /** Ends this side. */
  end() {
    this.#socket.end();
  }

  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  close() {
    this.#socket.destroy();
  }

  /** The kernel has all that was written. */
  async written() {
    await this.#until(() => this.#socket.writableLength === 0, 'every byte taken');
  }

  /** So many answers have come. */
  async answered(count) {
    await this.#until(() => this.answers >= count, `${count} answers`);
  }

  /** The daemon has ended the connection, and nothing came but answers. */
  async ended() {
    await this.#until(() => this.#ended, 'the end of the connection');
    if (this.#splitter.left > 0) throw new Error(`${this.#splitter.left} bytes of a torn answer`);
  }

  async #until(condition, what) {
    const late = setTimeout(() => this.#fail(new Error('too late')), this.#waitMs);
    try {
      while (!condition() && this.#failure === undefined && !this.#ended)
        await new Promise((resolve) => {
          this.#wake = resolve;
        });
    } finally {
      clearTimeout(late);
    }
    const failure = this.#failure ?? (condition() ? undefined : new Error('ended too early'));
    if (failure !== undefined)
      throw new Error(`${failure.message}; want ${what}, ${this.answers} answers came`);
  }

  #receive(chunk) {
    try {
      this.#splitter.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#wake();
  }

  #answer(answer) {
    const wrong = fault(this.#expected[this.answers], answer);
    if (wrong !== undefined)
      throw new Error(`answer ${this.answers} is ${shown(answer)}: ${wrong}`);
    if (answer[2] !== null) this.codes.push(answer[2][0]);
    this.answers++;
  }

  #fail(error) {
    this.#failure ??= error;
    this.#wake();
  }
}
