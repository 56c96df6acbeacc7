/** `entropyctl health`: one line and an exit code by the monitoring plug-in convention. */

import { CommandError } from '../common/program.js';
import { printable } from '../common/terminal.js';
import type { GeneratorState } from '../generator/interface.js';
import type { DaemonStatus } from '../rpc/protocol.js';
import { type Figure, figuresOf, performanceData } from './performance-data.js';
import { print, printJson } from './print.js';
import { asking, type SessionOptions } from './session.js';

/** Exit codes of monitoring plug-ins, with the word for each. */
export const verdicts = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const;
export type Verdict = keyof typeof verdicts;

const byState: Record<GeneratorState, Verdict> = {
  operational: 'OK',
  degraded: 'WARNING',
  fallback: 'WARNING',
  seeding: 'CRITICAL',
  error: 'CRITICAL',
};

/** Of a daemon that does not answer; any other failure tells nothing of its health. */
const criticalCodes = ['ERR_CONNECT', 'ERR_TIMEOUT', 'ERR_CLOSED'];

/** Of a reason, characters: servers of the monitoring cut long lines, and the figures come last. */
const maxReasonLength = 300;

export interface Judgement {
  verdict: Verdict;
  /** The line up to its bar. */
  text: string;
  figures: Figure[];
}

/** What to say of an answer or of its absence. */
export function judge(outcome: Partial<DaemonStatus> | CommandError): Judgement {
  if (outcome instanceof CommandError) {
    const verdict = criticalCodes.includes(outcome.code) ? 'CRITICAL' : 'UNKNOWN';
    return { verdict, text: `${verdict} - ${plain(outcome.message)}`, figures: [] };
  }
  // What answers may be another version, or no daemon of ours.
  const { state, reason } = outcome;
  const sources = Array.isArray(outcome.sources) ? outcome.sources : [];
  const known = typeof state === 'string' && Object.hasOwn(byState, state);
  const verdict = known ? byState[state] : 'UNKNOWN';
  const why = typeof reason === 'string' && reason !== '' ? ` (${shortened(reason)})` : '';
  const passing = sources.filter((source) => source.state === 'passing');
  const names = passing.map(({ name }) => plain(name)).join(', ') || 'none';
  return {
    verdict,
    text: `${verdict} - ${plain(state)}${why}; sources passing: ${names}`,
    figures: figuresOf(outcome),
  };
}

function shortened(reason: string): string {
  const text = plain(reason);
  return text.length > maxReasonLength ? `${text.slice(0, maxReasonLength - 1)}…` : text;
}

/** A bar would begin the figures. */
function plain(text: unknown): string {
  return printable(text).replaceAll('|', '/');
}

/** Asks the daemon, prints, and sets the exit code. */
export async function health(options: SessionOptions): Promise<void> {
  const outcome = await asking(options, (client) => client.status()).catch((error: unknown) => {
    if (error instanceof CommandError) return error;
    throw error;
  });
  const { verdict, text, figures } = judge(outcome);
  const exitCode = verdicts[verdict];
  if (options.json) {
    const common = { verdict, exitCode, text };
    if (outcome instanceof CommandError) {
      const { code, message } = outcome;
      await printJson({ ...common, error: { code, message } });
    } else {
      const { state, healthy, reason, sources } = outcome;
      await printJson({ ...common, state, healthy, reason, sources, figures });
    }
  } else await print(figures.length === 0 ? text : `${text} | ${performanceData(figures)}`);
  process.exitCode = exitCode;
}
