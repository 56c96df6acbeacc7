/** Failures that come with requests, as events of the log: the first of a kind, then how many a minute. */

/** Where they are told. */
export interface WarningLog {
  warn(fields: object, message: string): void;
}

/** Of requests: after it, without another failure of the kind, the next one is a first again. */
const periodMs = 60_000;

/** Kinds that are told apart; what a client can choose is no kind. */
const maxKinds = 64;

interface Kind {
  message: string;
  kind: string;
  /** Since the last line. */
  more: number;
  timer: NodeJS.Timeout;
}

/** Made once for a log. Keeps no process alive. */
export class Repeats {
  readonly #log: WarningLog;
  readonly #periodMs: number;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: WarningLog, period = periodMs) {
    this.#log = log;
    this.#periodMs = period;
  }

  /**
   * Takes note of a failure.
   * @param kind one of a few, such as an error's code
   * @param fields what the first one is told with
   */
  warn(message: string, kind: string, fields: object): void {
    const key = `${message}\0${kind}`;
    const known = this.#kinds.get(key);
    if (known !== undefined) {
      known.more++;
      return;
    }
    if (this.#kinds.size === maxKinds) return;
    this.#log.warn(fields, message);
    const timer = setInterval(() => this.#tell(key), this.#periodMs).unref();
    this.#kinds.set(key, { message, kind, more: 0, timer });
  }

  /** Tells what has not been told. */
  close(): void {
    for (const key of [...this.#kinds.keys()]) {
      this.#tell(key);
      this.#forget(key);
    }
  }

  #tell(key: string): void {
    const known = this.#kinds.get(key) as Kind;
    const { message, kind, more } = known;
    if (more === 0) {
      this.#forget(key);
      return;
    }
    known.more = 0;
    this.#log.warn({ code: kind, count: more }, `${message}: ${more} more of the kind`);
  }

  #forget(key: string): void {
    clearInterval(this.#kinds.get(key)?.timer);
    this.#kinds.delete(key);
  }
}
