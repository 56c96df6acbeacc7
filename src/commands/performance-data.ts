/** Performance data of a monitoring plug-in, as the Monitoring Plugins Development Guidelines have it. */

import { quantile } from '../common/histogram.js';
import type { DaemonStatus } from '../rpc/protocol.js';

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
