/** `entropyctl health`: one line and an exit code by the monitoring plug-in convention. */

import { quantile } from '../common/histogram.js';
import { CommandError } from '../common/program.js';
import { printable } from '../common/terminal.js';
import type { GeneratorState } from '../generator/interface.js';
import type { DaemonStatus } from '../rpc/protocol.js';
import { asking, print, printJson, type SessionOptions } from './session.js';

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

// Performance data of a monitoring plug-in, as the Monitoring Plugins Development Guidelines have it.

/** `c` counts upwards since the daemon started, `s` is seconds; the rest are plain numbers. */
export type Unit = 'c' | 's' | '';

/** One figure; there are no thresholds, the state alone decides. */
export interface Figure {
  name: string;
  value: number;
  unit: Unit;
  min: 0;
  /** Where it has one. */
  max?: number;
}

/** Digits behind the point: a microsecond. */
const digits = 6;

const tailShare = 0.99;

/** The figures of a status; what the daemon does not tell is left out. */
export function figuresOf(status: Partial<DaemonStatus>): Figure[] {
  const { sources, errors, limits } = status;
  const there = Array.isArray(sources) ? sources.filter(({ state }) => state !== 'absent') : [];
  const passing = there.filter(({ state }) => state === 'passing').length;
  const sum = (values: unknown[]) =>
    values.reduce<number>((total, value) => total + (isAmount(value) ? value : 0), 0);
  const tail = quantile(status.serving, tailShare);
  const figures: [name: string, value: unknown, unit: Unit, max?: unknown][] = [
    ['uptime', status.uptimeSeconds, 's'],
    ['since_reseed', status.secondsSinceReseed, 's'],
    ['reseeds', status.reseeds, 'c'],
    ['requests', status.requests, 'c'],
    ['random_bytes', status.randomBytes, 'c'],
    ['refused', errors === undefined ? undefined : sum(Object.values(errors)), 'c'],
    ['connections', status.connections, '', limits?.connections],
    ['sources_passing', sources === undefined ? undefined : passing, '', there.length],
    ['alarms', sources === undefined ? undefined : sum(there.map((each) => each.alarms)), 'c'],
    ['serving_p99', tail?.above === false ? tail.seconds : undefined, 's'],
  ];
  return figures.flatMap(([name, value, unit, max]) => {
    if (!isAmount(value)) return [];
    return [{ name, value, unit, min: 0, ...(isAmount(max) ? { max } : {}) } as const];
  });
}

/** The text behind the bar: `'label'=value[unit];[warn];[crit];[min];[max]`, apart by spaces. */
export function performanceData(figures: readonly Figure[]): string {
  return figures
    .map(
      ({ name, value, unit, min, max }) =>
        `${name}=${decimal(value)}${unit};;;${min};${max === undefined ? '' : decimal(max)}`,
    )
    .join(' ');
}

/** Digits and a point alone: the guidelines know no exponents. */
function decimal(value: number): string {
  return value
    .toFixed(Number.isInteger(value) ? 0 : digits)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}

/** Below 10^21, from where on `toFixed` gives an exponent. */
function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 1e21;
}
