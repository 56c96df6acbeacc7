/** `entropyctl health`: one line and an exit code by the monitoring plug-in convention. */
import { connect } from '../client.js';
import { EntropyError } from '../errors.js';
import type { GeneratorState, Health } from '../generator.js';

export interface HealthCommandOptions {
  socket?: string;
  json?: boolean;
}

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

/** What to say of an answer or of its absence. */
export function judge(outcome: Health | EntropyError): { verdict: Verdict; line: string } {
  if (outcome instanceof EntropyError) {
    const verdict = ['ERR_CONNECT', 'ERR_TIMEOUT', 'ERR_CLOSED'].includes(outcome.code)
      ? 'CRITICAL'
      : 'UNKNOWN';
    return { verdict, line: `${verdict} - ${outcome.message}` };
  }
  // What answers may be another version, or no daemon of ours.
  const { state, reason = '', sources = [] } = outcome;
  const verdict = Object.hasOwn(byState, state) ? byState[state] : 'UNKNOWN';
  const why = reason === '' ? '' : ` (${reason})`;
  const passing = sources.filter((source) => source.state === 'passing');
  const names = passing.map(({ name }) => name).join(', ') || 'none';
  return { verdict, line: `${verdict} - ${state}${why}; sources passing: ${names}` };
}

/** Asks the daemon, prints, and sets the exit code. */
export async function health({ socket, json = false }: HealthCommandOptions): Promise<void> {
  const client = connect(socket === undefined ? {} : { socketPath: socket });
  const outcome = await client.health().catch((error: unknown) => {
    if (error instanceof EntropyError) return error;
    throw error;
  });
  await client.close();
  const { verdict, line } = judge(outcome);
  const failed = outcome instanceof EntropyError;
  if (json)
    console.log(
      JSON.stringify(failed ? { error: [outcome.code, outcome.message] } : outcome, null, 2),
    );
  else console.log(line);
  process.exitCode = verdicts[verdict];
}
