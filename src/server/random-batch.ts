/**
 * One generate for several connections. Where reads of more than one come in a turn of the event
 * loop, small answers wait for the turn's end and are made together, then sent: fewer generates, and
 * fewer switches to the clients between them. Nothing random is kept for it: the generate comes
 * after all the reads.
 */

import type { Generator } from '../generator/interface.js';
import type { Counters } from './activity.js';
import { type Chunk, newChunk } from './output-chunks.js';
import { RandomRun } from './random-run.js';

/** Bytes of all answers together: what SP 800-90A 10.2.1 has as the most of one generate. */
const batchSize = 64 * 1024;

/** Reads of two connections so close are of one turn, or of a daemon so busy that one comes soon. */
const closeMs = 0.02;

/** Turns in a row with a single read, after which reads are answered at once again. */
const maxSingleReads = 8;

/** A connection, as far as it matters here. */
export interface BatchMember {
  /** Sends [at, at + size) and leaves nothing random there. Does not throw, as the other does not. */
  sendBatched(bytes: Uint8Array, at: number, size: number): void;
  /** There are no bytes for these requests. */
  failBatched(ids: readonly number[], error: unknown): void;
}

export class RandomBatch {
  readonly #generator: Generator;
  readonly #counters: Counters;
  readonly #requests = new RandomRun();
  readonly #members: BatchMember[] = [];
  /** Where each member's requests end among all. */
  readonly #ends: number[] = [];
  #chunk: Chunk | undefined;
  #startedAt = 0;
  /** Members go on with what they have; none of that may join those that are being answered. */
  #answering = false;
  /** The last read. */
  #reader: BatchMember | undefined;
  #readAt = 0;
  #singleReads = maxSingleReads;
  readonly #answerAll = () => this.answerNow();

  constructor(generator: Generator, counters: Counters) {
    this.#generator = generator;
    this.#counters = counters;
  }

  /**
   * Takes note of a read, from which is told whether it is worth to wait for others.
   * @param now by `performance.now()`
   */
  observeRead(reader: BatchMember, now: number): void {
    if (reader !== this.#reader && now - this.#readAt < closeMs) this.#singleReads = 0;
    this.#reader = reader;
    this.#readAt = now;
  }

  /**
   * Takes over a run of a connection that noted its read.
   * @param run no answer of it is left for a later chunk
   * @returns false where it is to be answered at once; else one of the member's methods is called
   */
  take(member: BatchMember, run: RandomRun): boolean {
    if (this.#answering || this.#singleReads >= maxSingleReads) return false;
    if (!this.#requests.append(run, batchSize)) return false;
    this.#members.push(member);
    this.#ends.push(this.#requests.count);
    if (this.#members.length === 1) {
      this.#startedAt = this.#readAt;
      setImmediate(this.#answerAll);
    }
    return true;
  }

  /** Does not wait for the end of the turn. */
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
    const seconds = (performance.now() - this.#startedAt) / 1000;
    for (const _ of this.#members) this.#counters.served(seconds);
    this.#members.length = 0;
    this.#ends.length = 0;
    requests.clear();
    this.#answering = false;
  }

  /** Calls with each member and its requests, [from, to) of all. */
  #forEach(visit: (member: BatchMember, from: number, to: number) => void): void {
    let from = 0;
    for (let i = 0; i < this.#members.length; i++) {
      const to = this.#ends[i] as number;
      visit(this.#members[i] as BatchMember, from, to);
      from = to;
    }
  }
}

// Turns of connections that have much to send: one in each turn of the event loop, so that what
// others ask meanwhile waits for one large piece at most, however many such connections there are.

export class TurnQueue {
  readonly #batch: RandomBatch;
  readonly #waiting: (() => void)[] = [];
  readonly #next = () => this.#runNext();

  /** @param batch comes first: its answers are small */
  constructor(batch: RandomBatch) {
    this.#batch = batch;
  }

  /** Calls `turn` behind those that wait already, never at once. */
  enqueue(turn: () => void): void {
    if (this.#waiting.push(turn) === 1) setImmediate(this.#next);
  }

  #runNext(): void {
    this.#batch.answerNow();
    const turn = this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(this.#next);
    turn?.();
  }
}
