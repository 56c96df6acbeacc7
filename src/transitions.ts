/** The generator's changes of state: the last ones for `status`, and each one once in the log. */
import type { GeneratorState } from './generator/interface.js';
import type { Transition } from './rpc/protocol.js';

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
