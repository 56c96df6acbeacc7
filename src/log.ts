/**
 * The programs' log on standard error: pino's JSON lines, with the journal's levels where it reads
 * them, and for people where it is a terminal.
 */
import { fstatSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { DestinationStream, Logger } from 'pino';
import { paintFor } from './terminal.js';

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
    const { readableLine } = await import('./log-line.js');
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
