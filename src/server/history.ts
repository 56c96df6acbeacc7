/**
 * A day of the daemon's health: rates, waiting, alarms, reseeds and changes of state, never samples. A ring
 * of fixed size, kept across restarts in a file of the state directory if there is one.
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Every } from '../common/timer.js';
import type { Generator } from '../generator/interface.js';
import type { HistoryRecord, HistoryResult, Transition } from '../rpc/protocol.js';
import type { Counters } from './activity.js';
import {
  formatHistory,
  historySeconds,
  maxRecords,
  maxText,
  maxTransitions,
  parseHistory,
  readSmallFile,
  replaceFile,
} from './history-file.js';

/** How often waiting sources are looked for: a shorter wait may be missed. */
export const sampleSeconds = 10;

const fileName = 'history.json';

/** A logger; not pino's type. */
type Log = Record<'info' | 'warn', (fields: object, message: string) => void>;

export interface HistoryOptions {
  readonly generator: Pick<Generator, 'status'>;
  readonly counters: Counters;
  /** Milliseconds since 1970; default: `Date.now()`. */
  readonly now?: () => number;
}

/** Counters at a moment; a record has the differences. */
interface Marks {
  requests: number;
  randomBytes: number;
  refused: number;
  reseeds: number;
  sources: ReadonlyMap<string, { bytes: number; alarms: number }>;
}

/** The marks of a process that has just started. */
const atStart: Marks = {
  requests: 0,
  randomBytes: 0,
  refused: 0,
  reseeds: 0,
  sources: new Map(),
};

export class History {
  readonly #options: HistoryOptions;
  readonly #now: () => number;
  #records: HistoryRecord[] = [];
  #transitions: Transition[] = [];
  #marks: Marks | undefined;
  #since = 0;
  #waiting = new Map<string, number>();
  #path: string | undefined;
  #log: Log | undefined;
  #stop = () => {};
  /** Settles with the last write. */
  #writing: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Reads what an earlier process has left, and begins to record.
   * @param directory for the file; undefined: the history is in memory only
   */
  async start(directory: string | undefined, log: Log, every: Every): Promise<void> {
    this.#log = log;
    if (directory !== undefined) {
      this.#path = join(directory, fileName);
      await this.#load(this.#path);
    }
    this.#begin();
    // Alarms and reseeds before this moment are this process's too: a startup test may have failed.
    this.#marks = atStart;
    // A directory that cannot be written is reported now rather than after the first interval.
    this.#save();
    this.#stop = every(() => this.sample(), sampleSeconds * 1000);
  }

  /** Notes a change of state. */
  note(transition: Transition): void {
    const { time, state, reason } = transition;
    this.#transitions.push({ time, state, reason: reason.slice(0, maxText) });
    if (this.#transitions.length > maxTransitions) this.#transitions.shift();
  }

  /** A copy of what is known. */
  result(): HistoryResult {
    return {
      intervalSeconds: historySeconds,
      stored: this.#path !== undefined && !this.#hasFailed,
      records: [...this.#records],
      transitions: [...this.#transitions],
    };
  }

  /** Looks at the sources, and ends the record if it is due. */
  sample(): void {
    const seconds = (this.#now() - this.#since) / 1000;
    // A clock that was set back, or a host that slept: what was counted belongs to no interval.
    if (seconds < 0 || seconds > 2 * historySeconds) {
      this.#begin();
      return;
    }
    for (const { name, state } of this.#options.generator.status().sources)
      if (state === 'waiting')
        this.#waiting.set(name, (this.#waiting.get(name) ?? 0) + sampleSeconds);
    if (seconds >= historySeconds) {
      this.#end();
      this.#save();
    }
  }

  /** Ends the last record, and waits until it is written. */
  async close(): Promise<void> {
    this.#stop();
    if (this.#marks !== undefined) {
      if (this.#now() > this.#since) this.#end();
      // Changes of state may have come without a record.
      this.#save();
    }
    await this.#writing;
  }

  #begin(): void {
    const { generator, counters } = this.#options;
    const { sources, reseeds } = generator.status();
    let refused = 0;
    for (const count of counters.errors.values()) refused += count;
    this.#since = this.#now();
    this.#waiting = new Map();
    this.#marks = {
      requests: counters.requests,
      randomBytes: counters.randomBytes,
      refused,
      reseeds,
      sources: new Map(sources.map(({ name, bytes, alarms }) => [name, { bytes, alarms }])),
    };
  }

  #end(): void {
    const before = this.#marks;
    const [since, waiting] = [this.#since, this.#waiting];
    this.#begin();
    const after = this.#marks;
    if (before === undefined || after === undefined) return;
    const { state, sources } = this.#options.generator.status();
    const seconds = Math.max(1, Math.round((this.#since - since) / 1000));
    this.#records.push({
      time: new Date(this.#since).toISOString(),
      seconds,
      state,
      requests: more(after.requests, before.requests),
      randomBytes: more(after.randomBytes, before.randomBytes),
      refused: more(after.refused, before.refused),
      reseeds: more(after.reseeds, before.reseeds),
      sources: sources
        .filter((source) => source.state !== 'absent')
        .map((source) => ({
          name: source.name,
          state: source.state,
          bytes: more(source.bytes, before.sources.get(source.name)?.bytes),
          alarms: more(source.alarms, before.sources.get(source.name)?.alarms),
          waitingSeconds: Math.min(seconds, waiting.get(source.name) ?? 0),
        })),
    });
    this.#records.splice(0, this.#records.length - maxRecords);
    this.#forget();
  }

  /** Leaves out what is older than a day. */
  #forget(): void {
    const oldest = this.#now() - maxRecords * historySeconds * 1000;
    const isRecent = ({ time }: { time: string }) => Date.parse(time) > oldest;
    this.#records = this.#records.filter(isRecent);
    this.#transitions = this.#transitions.filter(isRecent);
  }

  async #load(path: string): Promise<void> {
    try {
      const text = await readSmallFile(path);
      if (text === undefined) return;
      const { records, transitions } = parseHistory(text);
      this.#records = records;
      // Those of this process have come meanwhile.
      this.#transitions = [...transitions, ...this.#transitions].slice(-maxTransitions);
      this.#forget();
    } catch (error) {
      const aside = `${path}.corrupt`;
      const moved = await rename(path, aside).then(
        () => `set aside as ${aside}`,
        (cause: Error) => `left: ${cause.message}`,
      );
      this.#log?.warn({ path }, `history file is unusable (${(error as Error).message}); ${moved}`);
    }
  }

  #save(): void {
    const path = this.#path;
    if (path === undefined) return;
    const { records, transitions } = this.result();
    const text = formatHistory({ records, transitions });
    this.#writing = this.#writing.then(async () => {
      try {
        await replaceFile(path, text);
        if (this.#hasFailed) this.#log?.info({ path }, 'history is written again');
        this.#hasFailed = false;
      } catch (error) {
        if (!this.#hasFailed)
          this.#log?.warn({ path }, `history is in memory only: ${(error as Error).message}`);
        this.#hasFailed = true;
      }
    });
  }
}

/** What a counter has risen by. */
function more(after: number, before = 0): number {
  return Math.max(0, after - before);
}
