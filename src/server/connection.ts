/**
 * One client: answers in the order of the requests, one generate and one write for all that a read
 * brought, and at most one chunk that the kernel has not taken. Random bytes exist from generate to
 * write only: what waits, waits as the client sent it. Longer than most files, because it is one
 * state machine.
 */
import type { Socket } from 'node:net';
import { EntropyError } from '../common/errors.js';
import { chunkSize } from '../common/unix-socket.js';
import { MessageScanner, maxRequestElements } from '../rpc/message-scanner.js';
import { responseHeaderSize, writeResponseHeader } from '../rpc/protocol.js';
import type { ConnectionContext } from './context.js';
import type { Chunk } from './output-chunks.js';
import type { BatchMember } from './random-batch.js';
import { run } from './random-run.js';
import { ReceiveBuffer } from './socket-input.js';
import type { Peer, User } from './users.js';

/** What tells one connection from another. */
export interface ConnectionOptions {
  socket: Socket;
  peer: Peer;
  user: User;
  /**
   * Sends and wipes what the kernel takes at once of a range: how much that was, from 0 up. Nothing
   * is called on a socket that was destroyed, whose descriptor may be another's by then.
   */
  sendNow?: (bytes: Uint8Array, offset: number, size: number) => number;
}

/**
 * What one connection sends or finds in a row before the others get their turn: so many answers or
 * runs of them, or one that takes long to make. Promises alone would not let them have it.
 */
const unitsPerTurn = 4;
const largeSize = chunkSize / 4;

/** Until a large answer asks again for a chunk where none was to be had. */
const busyPauseMs = 10;

/** Methods, and msgpackr with them, are loaded by the first message that needs them. */
type General = typeof import('./methods.js');
let general: Promise<General> | undefined;
function loadGeneral(): Promise<General> {
  general ??= import('./methods.js');
  return general;
}

type Outcome = Awaited<ReturnType<General['handle']>>;

const empty = Buffer.alloc(0);
const noInput = new ReceiveBuffer(0);

export class Connection implements BatchMember {
  readonly #socket: Socket;
  readonly #sendNow: ConnectionOptions['sendNow'];
  readonly #context: ConnectionContext;
  readonly #peer: Peer;
  readonly #user: User;
  readonly #scanner: MessageScanner;

  /** What has come and is not taken: [#at, #end), the reader's own during `receive`. */
  #input = noInput;
  #at = 0;
  #end = 0;
  /** Since when a message is incomplete, and a chunk is not taken, by `performance.now()`; or 0. */
  #incompleteSince = 0;
  #stalledSince = 0;

  /** Bytes of a begun answer that are not generated yet. */
  #left = 0;
  /** An answer with prediction resistance, and how much of it is not generated yet. */
  #fresh: { id: number; size: number; left: number } | undefined;

  /** Of this turn, units. */
  #spent = 0;
  /** The batch has requests of this connection, and will answer them. */
  #batched = false;
  /** A batch, a write, a turn, a generate or a method is outstanding, and its end calls #resume. */
  #waiting = false;
  /** No more is read: behind what has come, the connection ends. */
  #ending = false;
  /** The client's side has ended. */
  #ended = false;

  constructor({ socket, peer, user, sendNow }: ConnectionOptions, context: ConnectionContext) {
    this.#socket = socket;
    this.#sendNow = sendNow;
    this.#context = context;
    this.#peer = peer;
    this.#user = user;
    this.#scanner = new MessageScanner({
      size: context.limits.messageBytes,
      elements: maxRequestElements,
    });
    socket.on('end', () => {
      this.#ended = true;
      this.finish();
    });
    // A client that went away needs no answer; 'close' follows.
    socket.on('error', () => {});
  }

  /** Takes no more messages, answers those that have come, then ends the connection. */
  finish(): void {
    this.#ending = true;
    this.#serve();
  }

  /** Ends what has taken too long; to be called about once a second. */
  sweep(now: number): void {
    const { messageSeconds, stallSeconds } = this.#context.limits;
    if (passed(this.#stalledSince, now, stallSeconds)) this.#socket.destroy();
    if (passed(this.#incompleteSince, now, messageSeconds))
      this.#reject(invalid(`it has ${messageSeconds} s to arrive whole`));
  }

  /** Takes what a read brought: [0, size) of `input`, which the caller may overwrite afterwards. */
  receive(input: ReceiveBuffer, size: number): void {
    if (this.#ending) return;
    const start = performance.now();
    this.#context.batch.observeRead(this, start);
    if (this.#at === this.#end) {
      this.#input = input;
      this.#end = size;
    } else {
      const before = this.#input.bytes.subarray(this.#at, this.#end);
      this.#input = ReceiveBuffer.of(before, input.bytes.subarray(0, size));
      this.#end += size - this.#at;
    }
    this.#at = 0;
    this.#spent = 0;
    this.#serve();
    if (this.#at === this.#end) this.#input = noInput;
    else if (this.#input === input) {
      this.#input = ReceiveBuffer.of(input.bytes.subarray(this.#at, this.#end));
      this.#end -= this.#at;
      this.#at = 0;
    }
    if (!this.#batched) this.#context.counters.served((performance.now() - start) / 1000);
  }

  /** Answers what can be answered now. */
  #serve(): void {
    while (!this.#waiting) {
      if (this.#spent >= unitsPerTurn) {
        this.#waiting = true;
        this.#context.turnQueue.enqueue(() => this.#nextTurn());
      } else if (this.#left > 0) this.#continueAnswer();
      else if (this.#fresh !== undefined) this.#sendFresh(this.#fresh);
      else if (this.#at === this.#end || !this.#take()) break;
      this.#spent++;
    }
    if (this.#waiting) {
      // The end of this turn is near: it is not worth to pause for, unless more has come already.
      if (!this.#batched || this.#at < this.#end) this.#socket.pause();
    } else if (this.#ending) this.#finishNow();
    else {
      if (this.#at < this.#end && this.#incompleteSince === 0)
        this.#incompleteSince = performance.now();
      if (this.#socket.isPaused()) this.#socket.resume();
    }
  }

  #nextTurn(): void {
    this.#spent = 0;
    this.#resume();
  }

  #resume(): void {
    this.#waiting = false;
    if (!this.#socket.destroyed) this.#serve();
  }

  /** All is answered. A message that the client cut short is no valid one. */
  #finishNow(): void {
    if (this.#ended && this.#at < this.#end) this.#reject(invalid('cut short'));
    else this.#socket.destroySoon();
  }

  /**
   * Takes what comes next: a run of requests of the fixed shape, or one message of any other.
   * @returns false where it is not whole yet
   */
  #take(): boolean {
    const { view, bytes } = this.#input;
    run.collect(view, this.#at, this.#end, this.#user.remainingBytes());
    if (run.count > 0) {
      this.#startMessage();
      this.#context.counters.requests += run.count;
      if (this.#sendNow === undefined || run.left > 0 || !this.#context.batch.take(this, run))
        this.#sendRun();
      else {
        this.#at = run.end;
        this.#user.consume(run.payload);
        this.#batched = true;
        this.#waiting = true;
      }
      return true;
    }
    let next = 0;
    try {
      next = this.#scanner.scan(bytes, this.#at, this.#end);
    } catch (error) {
      this.#reject(error);
      return true;
    }
    if (next === 0) return false;
    const message = Uint8Array.prototype.slice.call(bytes, this.#at, next);
    this.#at = next;
    this.#startMessage();
    this.#settle((methods) => methods.handle(message, this.#context, this.#peer));
    return true;
  }

  #startMessage(): void {
    this.#scanner.reset();
    this.#incompleteSince = 0;
  }

  /** What came is not a message: the last answer says so. */
  #reject(error: unknown): void {
    this.#ending = true;
    this.#at = this.#end;
    this.#incompleteSince = 0;
    this.#refuse(0, error);
  }

  #refuse(id: number, error: unknown): void {
    this.#settle((methods) => methods.refuse(id, error, this.#context));
  }

  /** Waits for an outcome and acts on it. */
  #settle(find: (methods: General) => Outcome | Promise<Outcome>): void {
    this.#waiting = true;
    const act = (outcome: Outcome) => {
      this.#waiting = false;
      if (this.#socket.destroyed) return;
      this.#act(outcome);
      if (!this.#waiting) this.#serve();
    };
    // Cannot be loaded: the program's files are being replaced. Its client asks the next process.
    void loadGeneral()
      .then(find)
      .then(act, () => this.#socket.destroy());
  }

  #act(outcome: Outcome): void {
    if (outcome.kind === 'answer') {
      if (outcome.last) {
        this.#ending = true;
        this.#at = this.#end;
      }
      this.#write(outcome.bytes);
    } else if (outcome.kind === 'random') {
      const { id, size, predictionResistance } = outcome;
      if (this.#user.remainingBytes() <= 0) this.#refuse(id, this.#user.refusal());
      else if (predictionResistance) {
        this.#user.consume(size);
        this.#fresh = { id, size, left: size };
      } else {
        run.single(id, size, this.#at);
        this.#sendRun();
      }
    }
  }

  /** Sends the answers of `run`: one generate over all, then the headers, then one write. */
  #sendRun(): void {
    const { chunks, generator, counters } = this.#context;
    const chunk = chunks.acquire(this.#user);
    if (chunk === undefined) {
      this.#refuseFirst(busy());
      return;
    }
    try {
      generator.fill(chunk.bytes, 0, run.size);
    } catch (error) {
      chunks.release(chunk, this.#user);
      this.#refuseFirst(error);
      return;
    }
    run.writeHeaders(chunk.view);
    this.#at = run.end;
    this.#left = run.left;
    counters.randomBytes += run.payload;
    this.#user.consume(run.payload + run.left);
    this.#send(chunk, run.size);
  }

  sendBatched(bytes: Uint8Array, at: number, size: number): void {
    this.#batched = false;
    this.#waiting = false;
    this.#spent = 0;
    const sent = this.#sendAtOnce(bytes, at, size);
    if (sent < size) this.#keepRest(bytes, at + sent, size - sent);
    this.#serve();
  }

  /** What the kernel has not taken of a batch goes on from a chunk of this connection's own. */
  #keepRest(batch: Uint8Array, at: number, size: number): void {
    const { chunks, generator } = this.#context;
    const chunk = this.#socket.destroyed ? undefined : chunks.acquire(this.#user);
    if (chunk !== undefined) {
      chunk.bytes.set(batch.subarray(at, at + size));
      this.#send(chunk, size);
    } else this.#abandon();
    generator.wipe(batch, at, size);
  }

  failBatched(ids: readonly number[], error: unknown): void {
    this.#batched = false;
    this.#settle((methods) => methods.refuseAll(ids, error, this.#context));
  }

  /** The others of the run come up again. */
  #refuseFirst(error: unknown): void {
    this.#at = run.firstEnd;
    this.#context.counters.requests -= run.count - 1;
    this.#refuse(run.firstId, error);
  }

  /** The next chunk of an answer that one does not hold. */
  #continueAnswer(): void {
    const { chunks, generator, counters } = this.#context;
    const chunk = chunks.acquire(this.#user);
    if (chunk === undefined) {
      this.#tryLater();
      return;
    }
    const size = Math.min(this.#left, chunkSize);
    try {
      generator.fill(chunk.bytes, 0, size);
    } catch {
      chunks.release(chunk, this.#user);
      this.#abandon();
      return;
    }
    this.#left -= size;
    counters.randomBytes += size;
    this.#send(chunk, size);
  }

  /** The next chunk of an answer with prediction resistance. */
  #sendFresh(request: { id: number; size: number; left: number }): void {
    const { chunks, generator, counters } = this.#context;
    const user = this.#user;
    const begun = request.left < request.size;
    const chunk = chunks.acquire(user);
    if (chunk === undefined || !user.beginPredictionResistance()) {
      if (chunk !== undefined) chunks.release(chunk, user);
      if (begun) this.#tryLater();
      else this.#failFresh(request, busy());
      return;
    }
    const header = begun ? 0 : responseHeaderSize(request.size);
    const size = Math.min(request.left, chunkSize - header);
    this.#waiting = true;
    generator.fillPredictionResistant(chunk.bytes, header, size).then(
      () => {
        user.endPredictionResistance();
        if (!begun) writeResponseHeader(chunk.view, 0, request.id, request.size);
        request.left -= size;
        if (request.left === 0) this.#fresh = undefined;
        counters.randomBytes += size;
        this.#waiting = false;
        this.#send(chunk, header + size);
        if (!this.#waiting) this.#resume();
      },
      (error: unknown) => {
        user.endPredictionResistance();
        chunks.release(chunk, user);
        if (begun) this.#abandon();
        else this.#failFresh(request, error);
      },
    );
  }

  #failFresh({ id }: { id: number }, error: unknown): void {
    this.#fresh = undefined;
    this.#refuse(id, error);
  }

  /** Within an answer there is no way to say that it fails. */
  #abandon(): void {
    this.#waiting = true;
    this.#socket.destroy();
  }

  #tryLater(): void {
    this.#waiting = true;
    setTimeout(() => this.#resume(), busyPauseMs);
  }

  #sendAtOnce(bytes: Uint8Array, at: number, size: number): number {
    return this.#socket.destroyed ? 0 : (this.#sendNow?.(bytes, at, size) ?? 0);
  }

  /** Sends a chunk that was taken, and gives it back when the kernel has all of it. */
  #send(chunk: Chunk, size: number): void {
    const { chunks, generator } = this.#context;
    if (size > largeSize) this.#spent = unitsPerTurn;
    const sent = this.#sendAtOnce(chunk.bytes, 0, size);
    if (sent === size) {
      chunks.release(chunk, this.#user);
      return;
    }
    this.#write(chunk.bytes.subarray(sent, size), () => {
      generator.wipe(chunk.bytes, sent, size - sent);
      chunks.release(chunk, this.#user);
    });
  }

  /**
   * Writes, and waits until the kernel has taken everything.
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
    this.#stalledSince = performance.now();
    // An empty write ends behind it; a callback of the first would cost every write its price.
    this.#socket.write(empty, () => {
      this.#stalledSince = 0;
      taken();
      this.#nextTurn();
    });
  }
}

/** Whether so long has passed since a time that is 0 where nothing has begun; both in ms. */
function passed(since: number, now: number, seconds: number): boolean {
  return since > 0 && now - since > seconds * 1000;
}

function invalid(reason: string): EntropyError {
  return new EntropyError('ERR_MESSAGE', `not a valid message: ${reason}`);
}

function busy(): EntropyError {
  return new EntropyError('ERR_BUSY', 'too much waits to be read or for entropy; try again later');
}
