/**
 * `entropyctl health`: one line and an exit code, by the Monitoring Plugins Development Guidelines
 * (https://www.monitoring-plugins.org/doc/guidelines.html).
 */
import { quantile } from '../common/histogram.js';
import { CommandError } from '../common/program.js';
import { stateLine } from '../common/state.js';
import { printable } from '../common/terminal.js';
import type { GeneratorState } from '../generator/interface.js';
import {
  entriesOf,
  isAmount,
  presentSources,
  type ReportedStatus,
  tailShare,
} from './reported-status.js';
import { print, printJson, type SessionOptions, withClient } from './session.js';

/** Exit codes of monitoring plug-ins. */
const exitCodes = { OK: 0, WARNING: 1, CRITICAL: 2, UNKNOWN: 3 } as const;
type Verdict = keyof typeof exitCodes;

const byState: Record<GeneratorState, Verdict> = {
  operational: 'OK',
  degraded: 'WARNING',
  fallback: 'WARNING',
  seeding: 'CRITICAL',
  error: 'CRITICAL',
};

/** Failures of a daemon that does not answer; any other failure says nothing about its health. */
const criticalCodes = ['ERR_CONNECT', 'ERR_TIMEOUT', 'ERR_CLOSED'];

/** Longest reason, characters: monitoring servers cut long lines, and the figures come last. */
const maxReasonLength = 300;

export interface Judgement {
  verdict: Verdict;
  /** The line up to the bar. */
  text: string;
  figures: Figure[];
}

/** Asks the daemon, prints the verdict, and sets the exit code. */
export async function health(options: SessionOptions): Promise<void> {
  const outcome = await withClient(options, (client) => client.status()).catch((error: unknown) => {
    if (error instanceof CommandError) return error;
    throw error;
  });
  const { verdict, text, figures } = judge(outcome);
  const exitCode = exitCodes[verdict];
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

/** The verdict on a status, or on the failure to get one. */
export function judge(outcome: ReportedStatus | CommandError): Judgement {
  if (outcome instanceof CommandError) {
    const verdict = criticalCodes.includes(outcome.code) ? 'CRITICAL' : 'UNKNOWN';
    return { verdict, text: `${verdict} - ${withoutBar(outcome.message)}`, figures: [] };
  }
  const { state, reason } = outcome;
  const isKnown = typeof state === 'string' && Object.hasOwn(byState, state);
  const verdict = isKnown ? byState[state] : 'UNKNOWN';
  const why = typeof reason === 'string' ? shortened(reason) : '';
  const passing = presentSources(outcome).filter((source) => source.state === 'passing');
  const names = passing.map(({ name }) => withoutBar(name)).join(', ') || 'none';
  return {
    verdict,
    text: `${verdict} - ${stateLine(withoutBar(state), why)}; sources passing: ${names}`,
    figures: figuresOf(outcome),
  };
}

function shortened(reason: string): string {
  const text = withoutBar(reason);
  return text.length > maxReasonLength ? `${text.slice(0, maxReasonLength - 1)}…` : text;
}

/** Printable text in which no bar ends the text and begins the figures. */
function withoutBar(text: unknown): string {
  return printable(text).replaceAll('|', '/');
}

/** `c`: a counter since the daemon's start; `s`: seconds; empty: a plain number. */
type Unit = 'c' | 's' | '';

/** A value of the performance data. It has no thresholds: the state alone decides. */
export interface Figure {
  name: string;
  value: number;
  unit: Unit;
  min: 0;
  max?: number;
}

/** From here on `toFixed` writes an exponent, which the guidelines do not have. */
const valueLimit = 1e21;

/** The figures of a status, without those that the daemon does not report. */
export function figuresOf(status: ReportedStatus): Figure[] {
  const { sources, errors, limits } = status;
  const present = presentSources(status);
  const passing = present.filter(({ state }) => state === 'passing').length;
  const p99 = quantile(status.serving, tailShare);
  const figures: [name: string, value: unknown, unit: Unit, max?: unknown][] = [
    ['uptime', status.uptimeSeconds, 's'],
    ['since_reseed', status.secondsSinceReseed, 's'],
    ['reseeds', status.reseeds, 'c'],
    ['requests', status.requests, 'c'],
    ['random_bytes', status.randomBytes, 'c'],
    ['refused', errors && sum(entriesOf(errors).map(([, count]) => count)), 'c'],
    ['connections', status.connections, '', limits?.connections],
    ['sources_passing', sources && passing, '', present.length],
    ['alarms', sources && sum(present.map(({ alarms }) => alarms)), 'c'],
    ['serving_p99', p99?.above === false ? p99.seconds : undefined, 's'],
  ];
  const isFigure = (value: unknown) => isAmount(value) && value < valueLimit;
  return figures.flatMap(([name, value, unit, max]) =>
    isFigure(value)
      ? [{ name, value, unit, min: 0, ...(isFigure(max) ? { max } : {}) } as Figure]
      : [],
  );
}

function sum(values: readonly unknown[]): number {
  return values.reduce<number>((total, value) => total + (isAmount(value) ? value : 0), 0);
}

/** Figures as `name=value[unit];[warning];[critical];[min];[max]`, separated by spaces. */
export function performanceData(figures: readonly Figure[]): string {
  return figures
    .map(
      ({ name, value, unit, min, max }) =>
        `${name}=${decimal(value)}${unit};;;${min};${max === undefined ? '' : decimal(max)}`,
    )
    .join(' ');
}

/** Digits after the point: microseconds. */
const decimals = 6;

function decimal(value: number): string {
  return value
    .toFixed(Number.isInteger(value) ? 0 : decimals)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}
