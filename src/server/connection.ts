/**
 * One client, as one state machine (hence the length): takes its messages and answers them in their
 * order, and lets other connections have their turns. One generate and one write per read; requests
 * stay encoded until they are answered.
 */
import { EntropyError } from '../common/errors.js';
import { chunkSize } from '../common/unix-socket.js';
import { MessageScanner, maxRequestElements } from '../rpc/message-scanner.js';
import type { ConnectionContext } from './context.js';
import { loadMethods, type Methods } from './methods-loader.js';
import { smallSize } from './output-chunks.js';
import type { BatchMember } from './random-batch.js';
import type { RandomRun } from './random-run.js';
import { busyError, ResponseWriter } from './response-writer.js';
import { type ClientSocket, PendingInput, type ReceiveBuffer } from './socket-input.js';
import type { Peer, User } from './users.js';

/** What a listener needs of a connection, whatever its protocol. */
export interface ServedConnection {
  /** Takes the bytes of a read: [at, end) of `read`, which the caller may overwrite afterwards. */
  receive(read: ReceiveBuffer, at: number, end: number): void;
  /** Takes no more requests, answers those that have arrived, then ends the connection. */
  finish(): void;
  /**
   * Ends the connection if something has taken too long. Call it about once a second.
   * @param now by the context's clock
   */
  sweep(now: number): void;
}

export interface ConnectionOptions {
  socket: ClientSocket;
  peer: Peer;
  user: User;
  /** The socket's file descriptor, if one call may generate and send. */
  descriptor?: number;
}

/**
 * Units that one connection may take before the others have their turn. A unit is a message or a
 * run of them, or a piece of a response; a large piece is a whole turn. Small runs need no turn to
 * begin. Awaiting promises alone would not let the others in.
 */
export const unitsPerTurn = 4;
const largeSize = chunkSize / 4;

type Outcome = Awaited<ReturnType<Methods['handle']>>;

export class Connection implements BatchMember, ServedConnection {
  readonly #socket: ClientSocket;
  readonly #context: ConnectionContext;
  readonly #peer: Peer;
  readonly #user: User;
  readonly #scanner: MessageScanner;
  readonly #writer: ResponseWriter;
  /** Without one, requests do not wait for those of other connections: it would save nothing. */
  readonly #descriptor: number | undefined;

  readonly #input = new PendingInput();
  /** Since when a message is incomplete; 0: none is. */
  #incompleteSince = 0;

  /** Units taken in this turn. */
  #spent = 0;
  /** The turn queue has granted this turn. */
  #granted = false;
  /** The batch holds requests of this connection and will answer them. */
  #batched = false;
  /** A batch, a turn or a method is outstanding; its end continues to serve. */
  #waiting = false;
  /** Nothing more is read: the connection ends after the last response. */
  #ending = false;
  /** The client has ended its side. */
  #ended = false;

  constructor({ socket, peer, user, descriptor }: ConnectionOptions, context: ConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    this.#peer = peer;
    this.#user = user;
    const size = context.limits.messageBytes;
    this.#scanner = new MessageScanner({ size, elements: maxRequestElements });
    this.#descriptor = descriptor;
    this.#writer = new ResponseWriter({
      ...context,
      socket,
      descriptor,
      user,
      admin: peer.admin,
      onReady: (yielded) => {
        if (yielded) this.#beginTurn(false);
        this.#resume();
      },
      onRefused: (id, error) => this.#refuse(id, error),
    });
    socket.on('end', () => {
      this.#ended = true;
      this.finish();
    });
    // A client that has gone needs no response; 'close' follows.
    socket.on('error', () => {});
  }

  finish(): void {
    this.#ending = true;
    this.#serve();
  }

  sweep(now: number): void {
    const { messageSeconds, stallSeconds } = this.#context.limits;
    if (this.#writer.stalledMs(now) > stallSeconds * 1000) this.#socket.destroy();
    if (this.#incompleteSince > 0 && now - this.#incompleteSince > messageSeconds * 1000)
      this.#reject(invalid(`incomplete after ${messageSeconds} s`));
  }

  receive(read: ReceiveBuffer, at: number, end: number): void {
    if (this.#ending) return;
    this.#input.append(read, at, end);
    this.#beginTurn(false);
    this.#serve();
    this.#input.keep(read);
  }

  get descriptor(): number {
    return this.#socket.destroyed ? -1 : (this.#descriptor ?? -1);
  }

  /** Answers as much as it can now. */
  #serve(): void {
    while (!this.#waiting && !this.#writer.busy) {
      if (this.#spent >= unitsPerTurn) this.#yieldTurn();
      else if (this.#writer.unfinished) {
        if (this.#hasTurn()) this.#spend(this.#writer.continue());
      } else if (this.#input.empty || !this.#take()) break;
      else this.#spent++;
    }
    if (this.#waiting || this.#writer.busy) {
      // A batch ends with this turn: pausing is not worthwhile unless more has arrived already.
      if (!this.#batched || !this.#input.empty) this.#socket.pause();
    } else if (this.#ending) this.#finishNow();
    else {
      if (!this.#input.empty && this.#incompleteSince === 0)
        this.#incompleteSince = this.#context.now();
      if (this.#socket.isPaused()) this.#socket.resume();
    }
  }

  #resume(): void {
    if (!this.#socket.destroyed) this.#serve();
  }

  #beginTurn(granted: boolean): void {
    this.#spent = 0;
    this.#granted = granted;
  }

  /** Whether this is a turn for what takes long; otherwise one follows. */
  #hasTurn(): boolean {
    if (this.#granted) return true;
    this.#granted = this.#context.turnQueue.admit();
    if (!this.#granted) this.#yieldTurn();
    return this.#granted;
  }

  #yieldTurn(): void {
    this.#waiting = true;
    this.#context.turnQueue.enqueue(() => {
      this.#waiting = false;
      this.#beginTurn(true);
      this.#resume();
    }, this.#user);
  }

  /** Counts a piece of a response. */
  #spend(size: number): void {
    this.#spent += size > largeSize ? unitsPerTurn : 1;
  }

  /** Everything is answered. A message that the client cut short is not valid. */
  #finishNow(): void {
    if (this.#ended && !this.#input.empty) this.#reject(invalid('cut short'));
    else this.#socket.destroySoon();
  }

  /**
   * Takes what comes next: a run of fixed-layout requests, or one message of any other layout.
   * @returns false if it is incomplete
   */
  #take(): boolean {
    const input = this.#input;
    const { run } = this.#context;
    run.collect(input.buffer.view, input.at, input.end, this.#user.remainingBytes());
    if (run.count > 0) {
      if (run.size <= largeSize || this.#hasTurn()) this.#takeRun(run);
      return true;
    }
    const { bytes } = input.buffer;
    let next = 0;
    try {
      next = this.#scanner.scan(bytes, input.at, input.end);
    } catch (error) {
      this.#reject(error);
      return true;
    }
    if (next === 0) return false;
    if (!this.#hasTurn()) {
      this.#messageTaken(); // it is complete, though it waits
      return true;
    }
    const message = Uint8Array.prototype.slice.call(bytes, input.at, next);
    input.at = next;
    this.#messageTaken();
    this.#settle((methods) => methods.handle(message, this.#context, this.#peer));
    return true;
  }

  #takeRun(run: RandomRun): void {
    const { batch, counters } = this.#context;
    this.#messageTaken();
    counters.requests += run.count;
    if (this.#descriptor === undefined || run.left > 0 || !batch.take(this, run)) {
      this.#sendRun(run);
      return;
    }
    this.#input.at = run.end;
    this.#user.consume(run.payload);
    this.#batched = true;
    this.#waiting = true;
  }

  #messageTaken(): void {
    this.#scanner.reset();
    this.#incompleteSince = 0;
  }

  #sendRun(run: RandomRun): void {
    try {
      if (!this.#writer.sendRun(run) && !this.#sendSmall(run)) throw busyError();
    } catch (error) {
      // Only the first request is refused here; the others of the run are taken again.
      this.#input.at = run.firstEnd;
      this.#context.counters.requests -= run.count - 1;
      this.#refuse(run.firstId, error);
      return;
    }
    this.#input.at = run.end;
    this.#user.consume(run.payload + run.left);
    if (run.size > largeSize) this.#spent = unitsPerTurn;
  }

  /**
   * Shortens a run that there is no room for to its first small responses, and sends those.
   * @returns false if the first one is not small
   */
  #sendSmall(run: RandomRun): boolean {
    const payload = run.payloadWithin(smallSize);
    if (payload === 0) return false;
    const { buffer, at, end } = this.#input;
    const { counters } = this.#context;
    counters.requests -= run.count;
    run.collect(buffer.view, at, end, payload);
    counters.requests += run.count;
    return this.#writer.sendRun(run);
  }

  batchSent(bytes: Uint8Array, at: number, size: number, sent: number): void {
    this.#batchEnded();
    if (sent < size) this.#writer.keepBatched(bytes, at + sent, size - sent);
    this.#serve();
  }

  batchFailed(ids: readonly number[], error: unknown): void {
    this.#batchEnded();
    this.#settle((methods) => methods.refuseAll(ids, error, this.#context));
  }

  #batchEnded(): void {
    this.#batched = false;
    this.#waiting = false;
    this.#beginTurn(false);
  }

  /** Refuses an invalid message: its end is unknown, so the connection ends after the response. */
  #reject(error: unknown): void {
    this.#ending = true;
    this.#input.clear();
    this.#incompleteSince = 0;
    this.#refuse(0, error);
  }

  #refuse(id: number, error: unknown): void {
    this.#settle((methods) => methods.refuse(id, error, this.#context));
  }

  /** Waits for an outcome, acts on it and continues. */
  #settle(find: (methods: Methods) => Outcome | Promise<Outcome>): void {
    this.#waiting = true;
    void loadMethods()
      .then(find)
      .then(
        (outcome) => {
          this.#waiting = false;
          if (this.#socket.destroyed) return;
          this.#act(outcome);
          this.#serve();
        },
        // Only at the very start: a daemon that cannot load the methods ends, and clients ask the next.
        () => this.#socket.destroy(),
      );
  }

  #act(outcome: Outcome): void {
    if (outcome.kind === 'response') {
      if (outcome.last) {
        this.#ending = true;
        this.#input.clear();
      }
      this.#writer.sendMessage(outcome.parts);
    } else if (outcome.kind === 'random') {
      const { id, size, predictionResistance } = outcome;
      const { run } = this.#context;
      if (this.#user.remainingBytes() <= 0) this.#refuse(id, this.#user.rateError());
      else if (predictionResistance) {
        this.#user.consume(size);
        this.#writer.beginPredictionResistant(id, size);
      } else {
        run.single(id, size, this.#input.at);
        this.#sendRun(run);
      }
    }
  }
}

function invalid(reason: string): EntropyError {
  return new EntropyError('ERR_MESSAGE', `not a valid message: ${reason}`);
}
