/**
 * How connections share the event loop. Small requests that arrive in one turn share one generate,
 * and large responses take turns.
 */
import type { Generator } from '../generator/interface.js';
import type { Clock, Counters } from './activity.js';
import { type Chunk, newChunk, smallSize } from './output-chunks.js';
import { RandomRun } from './random-run.js';
import type { User } from './users.js';

/** Bytes of all responses in a batch: the most that one generate may return (SP 800-90A 10.2.1). */
const batchSize = 64 * 1024;

/**
 * Reads of two connections this close belong to one turn of the event loop, or to a daemon so busy
 * that another read is about to come; milliseconds.
 */
const closeMs = 0.02;

/** After so many turns in a row with a single read, reads are answered at once again. */
const maxSingleReads = 8;

/** A connection whose requests may join a batch. Neither method may throw. */
export interface BatchMember {
  /** Sends [at, at + size) and leaves nothing random there. */
  sendBatched(bytes: Uint8Array, at: number, size: number): void;
  /** No bytes could be generated for these requests. */
  failBatched(ids: readonly number[], error: unknown): void;
}

/**
 * One generate for several connections. If more than one connection is read in a turn of the event
 * loop, small responses wait for the end of the turn, are generated together and then sent: fewer
 * generates, and fewer switches to the clients in between. No random bytes are kept for it: the
 * generate comes after all the reads.
 */
export class RandomBatch {
  readonly #generator: Generator;
  readonly #counters: Counters;
  readonly #now: Clock;
  readonly #requests = new RandomRun();
  readonly #members: BatchMember[] = [];
  /** For each member, the end of its requests among all. */
  readonly #ends: number[] = [];
  #chunk: Chunk | undefined;
  #startedAt = 0;
  /** Members continue with what they have; none of that may join the batch that is being sent. */
  #answering = false;
  #lastReader: BatchMember | undefined;
  #lastReadAt = 0;
  #singleReads = maxSingleReads;
  readonly #answerAll = () => this.answerNow();

  constructor(generator: Generator, counters: Counters, now: Clock) {
    this.#generator = generator;
    this.#counters = counters;
    this.#now = now;
  }

  /**
   * Observes a read, to decide whether waiting for others is worthwhile.
   * @param now time of the read
   */
  observeRead(reader: BatchMember, now: number): void {
    if (reader !== this.#lastReader && now - this.#lastReadAt < closeMs) this.#singleReads = 0;
    this.#lastReader = reader;
    this.#lastReadAt = now;
  }

  /**
   * Takes over a run of requests of a connection whose read was just observed.
   * @returns false if the run is to be answered at once; otherwise one method of the member is
   *   called later
   */
  take(member: BatchMember, run: RandomRun): boolean {
    // A larger run must be admitted before it is generated, and gains little from company.
    if (run.size > smallSize) return false;
    if (this.#answering || this.#singleReads >= maxSingleReads) return false;
    if (!this.#requests.append(run, batchSize)) return false;
    this.#members.push(member);
    this.#ends.push(this.#requests.count);
    if (this.#members.length === 1) {
      this.#startedAt = this.#lastReadAt;
      setImmediate(this.#answerAll);
    }
    return true;
  }

  /** Answers what has been taken, without waiting for the end of the turn. */
  answerNow(): void {
    if (this.#members.length > 0 && !this.#answering) this.#answer();
  }

  #answer(): void {
    const requests = this.#requests;
    this.#singleReads = this.#members.length === 1 ? this.#singleReads + 1 : 0;
    this.#answering = true;
    this.#chunk ??= newChunk(this.#generator, batchSize);
    const { bytes, view } = this.#chunk;
    try {
      this.#generator.fill(bytes, 0, requests.size);
      this.#counters.randomBytes += requests.payload;
      let at = 0;
      this.#forEach((member, from, to) => {
        const next = requests.writeHeaders(view, at, from, to);
        member.sendBatched(bytes, at, next - at);
        at = next;
      });
    } catch (error) {
      this.#forEach((member, from, to) => member.failBatched(requests.ids(from, to), error));
    }
    const seconds = (this.#now() - this.#startedAt) / 1000;
    for (const _ of this.#members) this.#counters.served(seconds);
    this.#members.length = 0;
    this.#ends.length = 0;
    requests.clear();
    this.#answering = false;
  }

  /** Calls `visit` for each member and its requests, [from, to) of all. */
  #forEach(visit: (member: BatchMember, from: number, to: number) => void): void {
    let from = 0;
    for (let i = 0; i < this.#members.length; i++) {
      const to = this.#ends[i] as number;
      visit(this.#members[i] as BatchMember, from, to);
      from = to;
    }
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
  readonly #batch: Pick<RandomBatch, 'answerNow'>;
  /** By user, the next one first; no list is empty. */
  readonly #waiting = new Map<User, (() => void)[]>();
  #admitted = 0;
  readonly #renew = () => {
    this.#admitted = 0;
  };
  readonly #next = () => this.#runNext();

  /** @param batch goes first in each turn: its responses are small */
  constructor(batch: Pick<RandomBatch, 'answerNow'>) {
    this.#batch = batch;
  }

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
    this.#batch.answerNow();
    const [user, turns] = this.#waiting.entries().next().value as [User, (() => void)[]];
    const turn = turns.shift();
    this.#waiting.delete(user);
    if (turns.length > 0) this.#waiting.set(user, turns);
    if (this.#waiting.size > 0) setImmediate(this.#next);
    turn?.();
  }
}
