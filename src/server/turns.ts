/**
 * Turns of connections that have much to send: one in each turn of the event loop, so that what
 * others ask meanwhile waits for one large piece at most, however many such connections there are.
 */
import type { RandomBatch } from './random-batch.js';

export class Turns {
  readonly #batch: RandomBatch;
  readonly #waiting: (() => void)[] = [];
  readonly #next = () => this.#runNext();

  /** @param batch comes first: its answers are small */
  constructor(batch: RandomBatch) {
    this.#batch = batch;
  }

  /** Calls `turn` behind those that wait already, never at once. */
  wait(turn: () => void): void {
    if (this.#waiting.push(turn) === 1) setImmediate(this.#next);
  }

  #runNext(): void {
    this.#batch.answerNow();
    const turn = this.#waiting.shift();
    if (this.#waiting.length > 0) setImmediate(this.#next);
    turn?.();
  }
}
