/** What the daemon counts: plain numbers, because a request takes less than a microsecond. */
import type { ErrorCode } from '../common/errors.js';
import { Durations } from '../common/histogram.js';
import type { GeneratorState } from '../generator/interface.js';
import type { ServingTimes, Transition } from '../rpc/protocol.js';

/** Upper bounds of the serving time's buckets, seconds; one sample a read of a socket. */
const servingBounds = [
  0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01,
] as const;

/** All counted since the process started; `connectionsOpen` alone goes down. */
export class Counters {
  connectionsOpen = 0;
  /** Accepted. */
  connections = 0;
  /** Beyond the limits: told so, and closed. */
  connectionsRefused = 0;
  requests = 0;
  randomBytes = 0;
  readonly errors = new Map<ErrorCode, number>();
  readonly #serving = new Durations(servingBounds);

  /** One refused request. */
  error(code: ErrorCode): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  /** One read of a socket, from its arrival to the last write that it caused at once. */
  served(seconds: number): void {
    this.#serving.add(seconds);
  }

  /** A copy. */
  serving(): ServingTimes {
    return this.#serving.counts();
  }
}

// The generator's changes of state: the last ones for `status`, and each one once in the log.

/** Where they are logged. Not pino's type: `Transition` is for users, who have no declarations of pino. */
type Log = Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>;

/** What is kept: a generator that flaps for hours must not fill the memory. */
const kept = 16;

export class Transitions {
  readonly #last: Transition[] = [];
  #unlogged: Transition[] = [];
  #log: Log | undefined;

  /** The last sixteen, oldest first; copies. */
  get last(): Transition[] {
    return this.#last.map((each) => ({ ...each }));
  }

  note(state: GeneratorState, reason: string): void {
    const transition = { time: new Date().toISOString(), state, reason };
    this.#last.push(transition);
    if (this.#last.length > kept) this.#last.shift();
    if (this.#log === undefined) this.#unlogged.push(transition);
    else this.#write(this.#log, transition);
  }

  /** Takes the logger, which is loaded later than the first transitions come, and logs those. */
  start(log: Log): void {
    this.#log = log;
    for (const transition of this.#unlogged) this.#write(log, transition);
    this.#unlogged = [];
  }

  #write(log: Log, { state, reason }: Transition): void {
    const level = state === 'operational' ? 'info' : state === 'error' ? 'error' : 'warn';
    log[level]({ state, reason }, `generator ${state}${reason ? `: ${reason}` : ''}`);
  }
}
