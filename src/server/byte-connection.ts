/**
 * What EGD and byte sockets have in common: random bytes a page at a time, in fair turns and within the
 * user's rate. Neither protocol can say why there are none, so a client waits until there are.
 */
import type { ConnectionOptions, ServedConnection } from './connection.js';
import { unitsPerTurn } from './connection.js';
import type { ConnectionContext } from './context.js';
import { smallSize } from './output-chunks.js';
import { ResponseWriter } from './response-writer.js';
import type { ClientSocket, ReceiveBuffer } from './socket-input.js';
import type { User, Waiter } from './users.js';

/** Random bytes that are generated and sent at a time, at most. There is always room for so many. */
export const pageSize = smallSize;

/** One client. A subclass takes the units of its protocol, one after another. */
export abstract class ByteConnection implements ServedConnection, Waiter {
  protected readonly context: ConnectionContext;
  protected readonly socket: ClientSocket;
  protected readonly user: User;
  protected readonly writer: ResponseWriter;
  readonly #counts: { randomBytes: number };
  /** Nothing more is read; the connection ends when `take` has nothing left. */
  protected ending = false;
  /** Units taken in this turn. */
  #spent = 0;
  /** The turn queue has granted this turn. */
  #granted = false;
  /** A turn or bytes are outstanding. */
  #waiting = false;

  /** @param counts those of the protocol */
  constructor(
    { socket, peer, user, descriptor }: ConnectionOptions,
    context: ConnectionContext,
    counts: { randomBytes: number },
  ) {
    this.context = context;
    this.socket = socket;
    this.user = user;
    this.#counts = counts;
    this.writer = new ResponseWriter({
      ...context,
      socket,
      descriptor,
      user,
      admin: peer.admin,
      onReady: () => {
        this.beginTurn();
        this.serve();
      },
      // Prediction resistance alone is refused later.
      onRefused: () => {},
    });
    socket.on('end', () => this.end());
    // A client that has gone needs no response; 'close' follows.
    socket.on('error', () => {});
    socket.on('close', () => user.forget(this));
  }

  abstract receive(read: ReceiveBuffer, at: number, end: number): void;

  abstract finish(): void;

  /**
   * Takes the next unit, which may make the connection wait.
   * @returns false if there is none
   */
  protected abstract take(): boolean;

  sweep(now: number): void {
    if (this.writer.stalledMs(now) > this.context.limits.stallSeconds * 1000) this.socket.destroy();
  }

  protected beginTurn(granted = false): void {
    this.#spent = 0;
    this.#granted = granted;
  }

  /** Nothing more comes in: ends the connection when `take` has nothing left. */
  protected end(): void {
    this.ending = true;
    this.serve();
  }

  /** Takes as much as it can now. */
  protected serve(): void {
    if (this.socket.destroyed) return;
    while (!this.#waiting && !this.writer.busy) {
      if (this.#spent >= unitsPerTurn) this.yieldTurn();
      else if (!this.take()) break;
      else this.#spent++;
    }
    if (this.#waiting || this.writer.busy) return;
    if (this.ending) this.socket.destroySoon();
  }

  /** Whether nothing can be taken now, and `serve` is called when that changes. */
  protected get blocked(): boolean {
    return this.#waiting || this.writer.busy;
  }

  /** Whether this is a turn for what takes long; otherwise one follows. */
  protected hasTurn(): boolean {
    if (this.#granted) return true;
    this.#granted = this.context.turnQueue.admit();
    if (!this.#granted) this.yieldTurn();
    return this.#granted;
  }

  /** Continues after others had their turns. */
  protected yieldTurn(): void {
    this.#waiting = true;
    this.context.turnQueue.enqueue(() => {
      this.#waiting = false;
      this.beginTurn(true);
      this.serve();
    }, this.user);
  }

  /** There are bytes again for those who wait. */
  resume(): void {
    this.#waiting = false;
    this.beginTurn();
    this.serve();
  }

  /**
   * Sends random bytes.
   * @param size at most `pageSize`
   * @returns false if there are none now; the unit is to be taken again then
   */
  protected send(size: number): boolean {
    if (this.user.admits(this)) {
      const { run } = this.context;
      run.piece(size);
      try {
        this.writer.sendRun(run);
        this.count(size);
        return true;
      } catch {
        // Not seeded, or failed: it may be again.
      }
    }
    this.wait();
    return false;
  }

  /** Counts random bytes. */
  protected count(size: number): void {
    this.user.consume(size);
    this.#counts.randomBytes += size;
  }

  /** Waits for bytes. */
  protected wait(): void {
    this.#waiting = true;
    this.user.wait(this);
  }
}
