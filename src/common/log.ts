/**
 * The programs' log on standard error: JSON lines by pino, prefixed with levels for the journal, or
 * readable lines on a terminal. A throttle keeps repeated warnings short.
 */
import { fstatSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { DestinationStream, Logger } from 'pino';
import { errorOutput, type LineOutput } from './line-output.js';
import { type Paint, paintFor, printable, type Style } from './terminal.js';
import { type Every, every } from './timer.js';

export type { Logger };

const standardError = 2;

/**
 * Creates the program's logger. It is a promise because loading pino takes longer than answering a
 * first request. Random bytes and secrets are never logged. Logging never waits: lines that nobody
 * takes are dropped, counted, and reported once lines can be written again.
 */
export async function createLogger(output: LineOutput = errorOutput): Promise<Logger> {
  const { default: pino } = await import('pino');
  const log = pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    formatFor(output),
  );
  output.whenDropped = (dropped) => log.error({ dropped }, 'log: lines were dropped');
  return log;
}

/** Wraps the output for whatever reads standard error. */
function formatFor(output: LineOutput): DestinationStream {
  if (isatty(standardError)) {
    const paint = paintFor({ isTTY: true });
    return { write: (line) => output.write(readableLine(line, paint)) };
  }
  if (!isJournal()) return output;
  return {
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write(line: string) {
      output.write(journalPrefix(this.lastLevel) + line);
    },
  } as DestinationStream & { lastLevel: number };
}

/** Priorities of syslog(3) for pino's level numbers; lower levels are `debug`. */
const priorities: readonly (readonly [level: number, priority: number])[] = [
  [60, 2],
  [50, 3],
  [40, 4],
  [30, 6],
];
const debugPriority = 7;

/**
 * Whether standard error goes to the journal: JOURNAL_STREAM has its device and inode
 * (systemd.exec(5)).
 */
export function isJournal(env: NodeJS.ProcessEnv = process.env, fd = standardError): boolean {
  if (env.JOURNAL_STREAM === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return env.JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/**
 * The prefix by which the journal knows a line's priority (sd-daemon(3)).
 * @param level pino's number: 50 for `error`
 */
export function journalPrefix(level: number): string {
  return `<${priorities.find(([from]) => level >= from)?.[1] ?? debugPriority}>`;
}

/** How pino's levels look on a terminal. */
const levels: Record<string, { word: string; style: Style }> = {
  fatal: { word: 'FATAL', style: 'red' },
  error: { word: 'ERROR', style: 'red' },
  warn: { word: 'WARN ', style: 'yellow' },
  info: { word: 'INFO ', style: 'green' },
};
const otherLevel = { word: 'DEBUG', style: 'dim' } as const;

/**
 * Formats a log line for a terminal: time of day in UTC, level, message, then fields as
 * `name=value`.
 * @param json one JSON line of the log
 * @returns one line, with its line feed
 */
export function readableLine(json: string, paint: Paint): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const { word, style } = levels[String(level)] ?? otherLevel;
  const [clock] = String(time).split('T').slice(-1);
  const parts = [paint('dim', `${clock}`), paint(style, word), printable(msg)];
  for (const [name, value] of Object.entries(fields)) {
    // The message says it already.
    if (String(msg).includes(String(value))) continue;
    parts.push(paint('dim', printable(`${name}=${quotedIfNeeded(value)}`)));
  }
  return `${parts.join(' ')}\n`;
}

function quotedIfNeeded(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

/** The part of a logger that a throttle needs. */
export interface WarningLog {
  warn(fields: object, message: string): void;
}

/** After a period without a failure of a kind, the next one is logged as the first again. */
const periodMs = 60_000;

/** Bounds the memory for kinds. A kind must therefore be nothing that a client can choose. */
const maxKinds = 64;

interface Kind {
  message: string;
  kind: string;
  /** Failures since the last line. */
  more: number;
  stop: () => void;
}

/** Logs the first failure of each kind, then a count per minute. Keeps no process alive. */
export class WarningThrottle {
  readonly #log: WarningLog;
  readonly #every: Every;
  readonly #kinds = new Map<string, Kind>();

  /** @param timer for tests */
  constructor(log: WarningLog, timer: Every = every) {
    this.#log = log;
    this.#every = timer;
  }

  /**
   * Logs or counts a failure.
   * @param kind one of few, such as an error's code
   * @param fields logged with the first failure of the kind
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
    const stop = this.#every(() => this.#report(key), periodMs);
    this.#kinds.set(key, { message, kind, more: 0, stop });
  }

  /** Logs the counts that are left, and stops. */
  close(): void {
    for (const key of [...this.#kinds.keys()]) {
      this.#report(key);
      this.#forget(key);
    }
  }

  #report(key: string): void {
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
    this.#kinds.get(key)?.stop();
    this.#kinds.delete(key);
  }
}
