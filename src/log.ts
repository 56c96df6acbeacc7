/** The programs' log: pino's JSON lines on standard error. */
import type { Logger } from 'pino';

export type { Logger };

/**
 * The logger of a program. Loading pino takes longer than answering a first request, so it comes
 * as a promise. No random byte and no secret ever goes into a log line.
 */
export async function createLogger(): Promise<Logger> {
  const { default: pino } = await import('pino');
  return pino(
    {
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Synchronous: the last line before an exit is the one that is wanted most.
    pino.destination({ fd: 2, sync: true }),
  );
}
