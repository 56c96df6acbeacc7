/** Counters and the last changes of state. Plain numbers: a request takes less than a microsecond. */
import type { ErrorCode } from '../common/errors.js';
import { Durations } from '../common/histogram.js';
import { stateLine } from '../common/state.js';
import type { GeneratorState } from '../generator/interface.js';
import type { ServingTimes, Transition } from '../rpc/protocol.js';

/** Milliseconds since any fixed point, as `performance.now()`. */
export type Clock = () => number;

/** Upper bounds of the buckets of the serving time, seconds. */
const servingBounds = [
  0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01,
] as const;

/** Counts since the process started; only `connectionsOpen` goes down. */
export class Counters {
  connectionsOpen = 0;
  /** Accepted. */
  connections = 0;
  /** Over the limits: answered with `ERR_BUSY` and closed. */
  connectionsRefused = 0;
  /** Those among the refused for which only the last descriptors were left. */
  connectionsWithoutDescriptor = 0;
  /** Failures of accept(2). */
  acceptErrors = 0;
  requests = 0;
  randomBytes = 0;
  /** Those of the above that EGD and byte sockets have. */
  readonly egd = { connectionsOpen: 0, randomBytes: 0 };
  readonly raw = { connectionsOpen: 0, randomBytes: 0 };
  /** Bytes that clients mixed into the generator. */
  mixedBytes = 0;
  readonly errors = new Map<ErrorCode, number>();
  readonly #serving = new Durations(servingBounds);

  /** Counts a refused request. */
  error(code: ErrorCode): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  /** Counts a socket read, timed from its arrival to the last write that it caused at once. */
  served(seconds: number): void {
    this.#serving.add(seconds);
  }

  /** @returns a copy */
  serving(): ServingTimes {
    return this.#serving.counts();
  }
}

/** A logger. Not pino's type: `Transition` is public, and its declarations must not name pino. */
type Log = Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>;

/** Transitions kept: a generator that flaps for hours must not fill the memory. */
const maxTransitions = 16;

/** The generator's changes of state: the latest for `status`, and each once in the log. */
export class Transitions {
  readonly #last: Transition[] = [];
  #unlogged: Transition[] = [];
  #log: Log | undefined;

  /** The last sixteen, oldest first; copies. */
  get last(): Transition[] {
    return this.#last.map((each) => ({ ...each }));
  }

  /** @returns the transition with its time */
  note(state: GeneratorState, reason: string): Transition {
    const transition = { time: new Date().toISOString(), state, reason };
    this.#last.push(transition);
    if (this.#last.length > maxTransitions) this.#last.shift();
    if (this.#log === undefined) this.#unlogged.push(transition);
    else this.#write(this.#log, transition);
    return { ...transition };
  }

  /** Sets the logger, which is loaded after the first transitions, and logs those now. */
  start(log: Log): void {
    this.#log = log;
    for (const transition of this.#unlogged) this.#write(log, transition);
    this.#unlogged = [];
  }

  #write(log: Log, { state, reason }: Transition): void {
    const level = state === 'operational' ? 'info' : state === 'error' ? 'error' : 'warn';
    log[level]({ state, reason }, `generator ${stateLine(state, reason)}`);
  }
}
