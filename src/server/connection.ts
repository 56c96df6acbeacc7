/**
 * One client: answers in the order of the requests, one generate and one write for all that a read
 * brought, and at most one chunk that the kernel has not taken. Random bytes exist from generate to
 * write only: requests wait as sizes.
 */
import type { Socket } from 'node:net';
import { EntropyError } from '../errors.js';
import { answerHeaderSize, fixed, readRandomRequest, writeAnswerHeader } from '../protocol.js';
import { MessageScanner, maxRequestElements } from '../scanner.js';
import type { ServiceContext } from './methods.js';
import { chunkSize, type OutputBuffers } from './output.js';
import type { Peer } from './peer.js';

/** What all connections share. */
export interface ConnectionContext extends ServiceContext {
  outputs: OutputBuffers;
  /** Of one message, bytes. */
  maxMessageSize: number;
}

/** Chunks of one connection in a row before the others get their turn. */
const chunksPerTurn = 4;

/** Methods, and msgpackr with them, are loaded by the first message that needs them. */
type General = typeof import('./general.js');
let general: Promise<General> | undefined;
function loadGeneral(): Promise<General> {
  general ??= import('./general.js');
  return general;
}

type Outcome = Awaited<ReturnType<General['handle']>>;

/** Where the answers of a run begin in the buffer; used within one call, so one for all. */
const answerStarts = new Uint32Array(chunkSize / answerHeaderSize(1));

const empty = Buffer.alloc(0);

export class Connection {
  readonly #socket: Socket;
  readonly #context: ConnectionContext;
  readonly #peer: Peer;
  readonly #scanner: MessageScanner;
  /** The beginning of a message that is still arriving. */
  #partial: Buffer = empty;

  // The requests that wait, from #head on: id and size of a `random`. Size 0 stands for any other
  // message; what finds its outcome is in #others under its index, and runs in its turn.
  #ids: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  readonly #others = new Map<number, (general: General) => Outcome | Promise<Outcome>>();
  /** Of the head, once it is found. */
  #outcome: Outcome | undefined;

  /** The head's header and some of its bytes have left. */
  #begun = false;
  /** A write, a turn or a generate is outstanding, and its end calls #serve again. */
  #waiting = false;
  /** No more messages are taken: end of input, an invalid message, or shutdown. */
  #ending = false;

  constructor(socket: Socket, context: ConnectionContext, peer: Peer) {
    this.#socket = socket;
    this.#context = context;
    this.#peer = peer;
    this.#scanner = new MessageScanner({
      size: context.maxMessageSize,
      elements: maxRequestElements,
    });
    socket.on('end', () => this.#end());
    // A client that went away needs no answer; 'close' follows.
    socket.on('error', () => {});
  }

  /** Takes no more messages, answers those that were read, then ends the connection. */
  finish(): void {
    this.#ending = true;
    this.#partial = empty;
    this.#serve();
  }

  /** The client's side has ended; a message that it cut short is no valid one. */
  #end(): void {
    if (this.#partial.length > 0)
      this.#reject(new EntropyError('ERR_MESSAGE', 'not a valid message: cut short'));
    this.finish();
  }

  /** Takes what a read brought: [0, size) of `data`, which the caller may overwrite afterwards. */
  receive(data: Buffer, size: number): void {
    if (this.#ending) return;
    const start = performance.now();
    let bytes = data;
    let end = size;
    if (this.#partial.length > 0) {
      bytes = Buffer.concat([this.#partial, data.subarray(0, size)]);
      end = bytes.length;
      this.#partial = empty;
    }
    let at = 0;
    try {
      while (at < end) {
        const next = this.#message(bytes, at, end);
        if (next === 0) break;
        at = next;
      }
      if (at < end) this.#partial = Buffer.from(bytes.subarray(at, end));
    } catch (error) {
      this.#reject(error);
    }
    this.#serve();
    this.#context.counters.served((performance.now() - start) / 1000);
  }

  /** Takes the message at `at`: where it ends, or 0 if it is not whole at `end`. */
  #message(bytes: Buffer, at: number, end: number): number {
    let next = readRandomRequest(bytes, at, end);
    if (next > 0) {
      this.#context.counters.requests++;
      this.#ids.push(fixed.id);
      this.#sizes.push(fixed.size);
    } else {
      next = this.#scanner.scan(bytes, at, end);
      if (next === 0) return 0;
      const message = Uint8Array.prototype.slice.call(bytes, at, next);
      this.#queue((general) => general.handle(message, this.#context, this.#peer));
    }
    this.#scanner.reset();
    return next;
  }

  /** Queues a message of any shape but the fixed one. */
  #queue(find: (general: General) => Outcome | Promise<Outcome>): void {
    this.#sizes.push(0);
    this.#others.set(this.#ids.push(0) - 1, find);
  }

  /** What came is not a message: the last answer says so. */
  #reject(error: unknown): void {
    this.#ending = true;
    this.#partial = empty;
    this.#queue((general) => general.refuse(0, error, this.#context));
  }

  /**
   * Sends what can be sent now.
   * @param chunks sent in this turn already
   */
  #serve(chunks = 0): void {
    for (; !this.#waiting && this.#head < this.#ids.length; chunks++) {
      if (chunks === chunksPerTurn) {
        this.#waiting = true;
        setImmediate(() => this.#resume());
      } else if ((this.#sizes[this.#head] as number) > 0) {
        this.#sendRun();
      } else if (this.#outcome === undefined) {
        this.#find(chunks + 1);
      } else {
        this.#sendOutcome(this.#outcome);
      }
    }
    if (this.#head < this.#ids.length) {
      this.#socket.pause();
      return;
    }
    this.#ids.length = 0;
    this.#sizes.length = 0;
    this.#head = 0;
    if (this.#ending) this.#socket.destroySoon();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }

  #resume(chunks = 0): void {
    this.#waiting = false;
    if (!this.#socket.destroyed) this.#serve(chunks);
  }

  /**
   * Finds the outcome of the head, whose turn it is. Earlier would be too early: a read may bring
   * thousands of messages whose answers nobody takes.
   * @param chunks sent in this turn with it: promises alone would not let the others have theirs
   */
  #find(chunks: number): void {
    const find = this.#others.get(this.#head) as (general: General) => Outcome | Promise<Outcome>;
    this.#others.delete(this.#head);
    this.#waiting = true;
    void loadGeneral()
      .then(find)
      .then((outcome) => {
        this.#outcome = outcome;
        this.#resume(chunks);
      });
  }

  #sendOutcome(outcome: Outcome): void {
    if (outcome.kind === 'random') {
      if (outcome.predictionResistance) {
        this.#sendFresh(outcome);
        return;
      }
      this.#ids[this.#head] = outcome.id;
      this.#sizes[this.#head] = outcome.size;
      this.#outcome = undefined;
      return;
    }
    this.#outcome = undefined;
    this.#head++;
    if (outcome.kind === 'nothing') return;
    this.#write(outcome.bytes);
    if (!outcome.last) return;
    this.#ending = true;
    this.#ids.length = this.#head;
    this.#sizes.length = this.#head;
    this.#others.clear();
  }

  /**
   * Sends answers of consecutive `random` requests, as many as fit into a chunk: one generate over
   * all of it, then the headers written over their places, then one write.
   */
  #sendRun(): void {
    const { outputs, generator, counters } = this.#context;
    const first = this.#head;
    const out = outputs.take();
    if (out === undefined) {
      this.#refuse(first, first + 1, busy());
      return;
    }
    const firstHeader = this.#begun ? first + 1 : first;
    let next = first;
    let used = 0;
    let headers = 0;
    let left = 0; // of the last answer, for the chunks to come
    for (; next < this.#sizes.length && left === 0; next++) {
      const size = this.#sizes[next] as number;
      const header = next < firstHeader ? 0 : answerHeaderSize(size);
      // A header is never torn: at least one byte of its answer goes with it.
      if (size === 0 || used + header >= chunkSize) break;
      answerStarts[next - first] = used;
      left = Math.max(0, used + header + size - chunkSize);
      used += header + size - left;
      headers += header;
    }
    try {
      generator.fill(out, 0, used);
    } catch (error) {
      outputs.release(out, used);
      this.#refuse(first, next, error);
      return;
    }
    for (let i = firstHeader; i < next; i++)
      writeAnswerHeader(
        out,
        answerStarts[i - first] as number,
        this.#ids[i] as number,
        this.#sizes[i] as number,
      );
    counters.randomBytes += used - headers;
    this.#begun = left > 0;
    this.#head = left > 0 ? next - 1 : next;
    if (left > 0) this.#sizes[this.#head] = left;
    this.#send(out, used);
  }

  /** Sends one chunk of an answer with prediction resistance. */
  #sendFresh(request: Outcome & { kind: 'random' }): void {
    const { outputs, generator, counters } = this.#context;
    this.#ids[this.#head] = request.id;
    const out = outputs.take();
    if (out === undefined) {
      this.#refuse(this.#head, this.#head + 1, busy());
      return;
    }
    const header = this.#begun ? 0 : answerHeaderSize(request.size);
    const size = Math.min(request.size, chunkSize - header);
    const used = header + size;
    this.#waiting = true;
    generator.fillFresh(out, header, size).then(
      () => {
        if (header > 0) writeAnswerHeader(out, 0, request.id, request.size);
        counters.randomBytes += size;
        request.size -= size;
        this.#begun = request.size > 0;
        if (!this.#begun) {
          this.#outcome = undefined;
          this.#head++;
        }
        this.#send(out, used);
        if (this.#socket.writableLength === 0) this.#resume();
      },
      (error: unknown) => {
        outputs.release(out, used);
        this.#refuse(this.#head, this.#head + 1, error);
        this.#resume();
      },
    );
  }

  /** Answers requests of the queue with an error. Within a large answer there is no way to say so. */
  #refuse(from: number, to: number, error: unknown): void {
    if (this.#begun) {
      this.#socket.destroy();
      this.#waiting = true;
      return;
    }
    this.#outcome = undefined;
    for (let index = from; index < to; index++) {
      const id = this.#ids[index] as number;
      this.#sizes[index] = 0;
      this.#others.set(index, (general) => general.refuse(id, error, this.#context));
    }
  }

  /** Sends a lent buffer and gives it back when the kernel has all of it. */
  #send(out: Buffer, used: number): void {
    const { outputs } = this.#context;
    this.#write(out.subarray(0, used), () => outputs.release(out, used));
  }

  /**
   * Writes, and holds the queue until the kernel has taken everything.
   * @param taken called then, or when the connection is lost
   */
  #write(bytes: Uint8Array, taken: () => void = () => {}): void {
    this.#socket.write(bytes);
    // Node tries the write at once, so 0 says that nothing of `bytes` is needed any more.
    if (this.#socket.writableLength === 0) {
      taken();
      return;
    }
    this.#waiting = true;
    // An empty write ends behind it; a callback of the first would cost every write its price.
    this.#socket.write(empty, () => {
      taken();
      this.#resume();
    });
  }
}

function busy(): EntropyError {
  return new EntropyError('ERR_BUSY', 'too many answers wait to be read; try again later');
}
