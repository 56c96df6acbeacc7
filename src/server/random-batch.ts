/**
 * How connections share the event loop. Small requests that arrive in one turn share one generate,
 * and large responses take turns.
 */
import type { Generator } from '../generator/interface.js';
import type { Counters } from './activity.js';
import { type Chunk, newChunk, smallSize } from './output-chunks.js';
import { RandomRun } from './random-run.js';
import type { User } from './users.js';

/** Bytes of all responses in a batch: the most that one generate may return (SP 800-90A 10.2.1). */
const batchSize = 64 * 1024;

/** Connections in a batch, at most: as many as one call of the poller tells of. */
export const maxMembers = 1024;

/** A connection whose requests may join a batch. No method may throw. */
export interface BatchMember {
  /** The socket's file descriptor; negative once the connection is lost. */
  readonly descriptor: number;
  /**
   * Its responses are [at, at + size), and the first `sent` bytes have been sent. It sends the rest and
   * leaves nothing random there.
   */
  batchSent(bytes: Uint8Array, at: number, size: number, sent: number): void;
  /** No bytes could be generated for these requests. */
  batchFailed(ids: readonly number[], error: unknown): void;
}

/**
 * One generate for several connections. The small requests that one turn of the event loop brings are
 * answered together, after all the reads: fewer generates, and fewer switches to the clients in between.
 * No random bytes are kept for it.
 */
export class RandomBatch {
  readonly #generator: Generator;
  readonly #counters: Counters;
  readonly #requests = new RandomRun(maxMembers);
  readonly #members: BatchMember[] = [];
  #chunk: Chunk | undefined;
  #open = false;

  constructor(generator: Generator, counters: Counters) {
    this.#generator = generator;
    this.#counters = counters;
  }

  /** Reads of several connections follow, whose requests may join until `end`. */
  begin(): void {
    this.#open = true;
  }

  /**
   * Takes over a run of requests.
   * @returns false if the run is to be answered at once; otherwise one method of the member is called
   *   by `end`
   */
  take(member: BatchMember, run: RandomRun): boolean {
    // A larger run must be admitted before it is generated, and gains little from company.
    if (!this.#open || run.size > smallSize || this.#members.length === maxMembers) return false;
    if (!this.#requests.append(run, batchSize)) return false;
    this.#members.push(member);
    return true;
  }

  /** Answers what has been taken. Members continue with what they have; none of that joins. */
  end(): void {
    this.#open = false;
    if (this.#members.length > 0) this.#answer();
  }

  #answer(): void {
    const requests = this.#requests;
    const members = this.#members;
    this.#chunk ??= newChunk(this.#generator, batchSize);
    const { bytes } = this.#chunk;
    for (let i = 0; i < members.length; i++)
      requests.setDescriptor(i, (members[i] as BatchMember).descriptor);
    let failure: unknown;
    try {
      this.#generator.respond?.(bytes, requests);
      this.#counters.randomBytes += requests.payload;
    } catch (error) {
      failure = error;
    }
    let at = 0;
    let request = 0;
    for (let i = 0; i < members.length; i++) {
      const member = members[i] as BatchMember;
      const size = requests.sizeFor(i);
      const nextRequest = request + requests.countFor(i);
      if (failure === undefined) member.batchSent(bytes, at, size, requests.sentTo(i));
      else member.batchFailed(requests.ids(request, nextRequest), failure);
      at += size;
      request = nextRequest;
    }
    members.length = 0;
    requests.clear();
  }
}

/**
 * Turns that may begin in one pass of the event loop without waiting: enough for clients that ask now
 * and then, and a few milliseconds at worst.
 */
const admittedPerPass = 8;

/**
 * Fair scheduling of what takes long: large pieces, and messages other than fixed-layout `random`.
 * Each pass of the event loop has eight turns for those who come, and one for those who wait, so
 * timers, new connections and small requests wait for nine at most, however many connections have
 * much to send. Users take turns, and so do the connections of each.
 */
export class TurnQueue {
  /** By user, the next one first; no list is empty. */
  readonly #waiting = new Map<User, (() => void)[]>();
  #admitted = 0;
  readonly #renew = () => {
    this.#admitted = 0;
  };
  readonly #next = () => this.#runNext();

  /** Whether a connection may take a turn at once; otherwise it waits for one. */
  admit(): boolean {
    if (this.#admitted === admittedPerPass) return false;
    if (this.#admitted++ === 0) setImmediate(this.#renew);
    return true;
  }

  /** Calls `turn` after those of the same user, in the user's turn, and never synchronously. */
  enqueue(turn: () => void, user: User): void {
    if (this.#waiting.size === 0) setImmediate(this.#next);
    const turns = this.#waiting.get(user);
    if (turns === undefined) this.#waiting.set(user, [turn]);
    else turns.push(turn);
  }

  #runNext(): void {
    const [user, turns] = this.#waiting.entries().next().value as [User, (() => void)[]];
    const turn = turns.shift();
    this.#waiting.delete(user);
    if (turns.length > 0) this.#waiting.set(user, turns);
    if (this.#waiting.size > 0) setImmediate(this.#next);
    turn?.();
  }
}
