/** One timer for many deadlines: it goes off at the earliest. */

/** Of setTimeout, milliseconds: a longer one would fire at once. */
const maxTimerMs = 2 ** 31 - 1;

/** Keeps no process alive. */
export class DeadlineTimer {
  readonly #onDue: (now: number) => void;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = Number.POSITIVE_INFINITY;

  /**
   * @param onDue called with `performance.now()` at the earliest deadline, or up to a millisecond
   *   before, as timers do, or long before where it is weeks away; it watches again what is not due
   */
  constructor(onDue: (now: number) => void) {
    this.#onDue = onDue;
  }

  /** @param deadline by `performance.now()`; infinite: never */
  watch(deadline: number): void {
    if (deadline >= this.#dueAt) return;
    this.stop();
    this.#dueAt = deadline;
    const delay = Math.max(0, Math.ceil(deadline - performance.now()));
    this.#timer = setTimeout(() => this.#fire(), Math.min(delay, maxTimerMs)).unref();
  }

  /** Forgets every deadline. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
    this.#onDue(performance.now());
  }
}
