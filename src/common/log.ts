/**
 * The programs' log on standard error: pino's JSON lines, with the journal's levels where it reads
 * them, and for people where it is a terminal.
 */
import { fstatSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { DestinationStream, Logger } from 'pino';
import { type Paint, paintFor, printable, type Style } from './terminal.js';

export type { Logger };

const standardError = 2;

/** Of syslog(3) by pino's numbers; the rest is `debug`. */
const priorities: readonly (readonly [level: number, priority: number])[] = [
  [60, 2],
  [50, 3],
  [40, 4],
  [30, 6],
];
const debugPriority = 7;

/** Whether standard error is the journal's: JOURNAL_STREAM names its device and inode (systemd.exec(5)). */
export function isJournal(env: NodeJS.ProcessEnv = process.env, fd = standardError): boolean {
  if (env.JOURNAL_STREAM === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return env.JOURNAL_STREAM === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** What sd-daemon(3) puts before a line, by pino's level. */
export function journalPrefix(level: number): string {
  return `<${priorities.find(([from]) => level >= from)?.[1] ?? debugPriority}>`;
}

/**
 * The logger of a program. Loading pino takes longer than answering a first request, so it comes
 * as a promise. No random byte and no secret ever goes into a log line.
 */
export async function createLogger(): Promise<Logger> {
  const { default: pino } = await import('pino');
  // Synchronous: the last line before an exit is the one that is wanted most.
  const destination = pino.destination({ fd: standardError, sync: true });
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    await formOf(destination),
  );
}

/** The destination for lines as whoever reads standard error wants them. */
async function formOf(destination: DestinationStream): Promise<DestinationStream> {
  if (isatty(standardError)) {
    const paint = paintFor({ isTTY: true });
    return { write: (line) => destination.write(readableLine(line, paint)) };
  }
  if (!isJournal()) return destination;
  return {
    [Symbol.for('pino.metadata')]: true,
    lastLevel: 0,
    write(line: string) {
      destination.write(journalPrefix(this.lastLevel) + line);
    },
  } as DestinationStream & { lastLevel: number };
}

// A line of the log for people at a terminal, made of the JSON line that everything else gets.

/** pino's levels as the log names them. */
const levels: Record<string, { word: string; style: Style }> = {
  fatal: { word: 'FATAL', style: 'red' },
  error: { word: 'ERROR', style: 'red' },
  warn: { word: 'WARN ', style: 'yellow' },
  info: { word: 'INFO ', style: 'green' },
};
const otherLevel = { word: 'DEBUG', style: 'dim' } as const;

/**
 * Time of day in UTC, level, message, and the fields as `name=value`.
 * @param json one line of the log
 * @returns one line, with its end
 */
export function readableLine(json: string, paint: Paint): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const { word, style } = levels[String(level)] ?? otherLevel;
  const [clock] = String(time).split('T').slice(-1);
  const parts = [paint('dim', `${clock}`), paint(style, word), printable(msg)];
  for (const [name, value] of Object.entries(fields)) {
    // The message has it in words.
    if (String(msg).includes(String(value))) continue;
    parts.push(paint('dim', printable(`${name}=${shown(value)}`)));
  }
  return `${parts.join(' ')}\n`;
}

function shown(value: unknown): string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
}

// Failures that come with requests, as events of the log: the first of a kind, then how many a minute.

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
