/** Plots of a report as SVG elements, with a text for those who cannot see them. No script, no style outside. */
import { escapeHtml } from './markup.js';

const width = 720;
const height = 200;
const left = 64;
const right = 8;
const top = 10;
const bottom = 24;

/** A vertical scale. */
export interface Scale {
  low: number;
  high: number;
}

export interface Plot {
  /** For screen readers, and above the plot. */
  title: string;
  /** One or more, left to right; NaN leaves a gap. */
  values: readonly number[];
  scale: Scale;
  /** Below the first and the last value. */
  ends: readonly [first: string, last: string];
  /** Values at which a dashed line is drawn. */
  marks?: readonly number[];
  /** Whether something happened at each value: an upright line is drawn there. */
  events?: readonly boolean[];
  kind: 'bars' | 'line';
  /** A name for each bar, if they are few. */
  names?: readonly string[];
}

/** Figures of an axis, short: 3 significant digits. */
function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** A number of a path: a tenth of a unit is enough. */
function place(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** @returns a `figure` element */
export function plot({
  title,
  values,
  scale,
  ends,
  marks = [],
  events = [],
  kind,
  names,
}: Plot): string {
  const { low, high } = scale;
  const span = high > low ? high - low : 1;
  const y = (value: number) =>
    height -
    bottom -
    ((Math.min(high, Math.max(low, value)) - low) / span) * (height - top - bottom);
  const step = (width - left - right) / Math.max(1, values.length);
  const x = (i: number) => left + (i + 0.5) * step;
  const zero = y(Math.min(high, Math.max(low, 0)));
  const drawn = values.map((value, i) => [x(i), value] as const);
  let path = '';
  let isJoined = false;
  for (const [at, value] of drawn) {
    if (Number.isFinite(value)) {
      if (kind === 'bars') path += `M${place(at)} ${place(zero)}V${place(y(value))}`;
      else path += `${isJoined ? 'L' : 'M'}${place(at)} ${place(y(value))}${isJoined ? '' : 'h0'}`;
    }
    isJoined = Number.isFinite(value);
  }
  const lines = marks.map((mark) => {
    const at = place(y(mark));
    return `<path class="mark" d="M${left} ${at}H${width - right}"/>`;
  });
  for (const [i, happened] of events.entries())
    if (happened) lines.push(`<path class="event" d="M${place(x(i))} ${top}V${height - bottom}"/>`);
  const text = (at: number, line: number, anchor: string, words: string) =>
    `<text x="${place(at)}" y="${place(line)}" text-anchor="${anchor}">${escapeHtml(words)}</text>`;
  const base = height - bottom;
  const labels = [
    text(left - 6, top + 4, 'end', short(high)),
    text(left - 6, base, 'end', short(low)),
    ...(names === undefined
      ? [text(left, height - 6, 'start', ends[0]), text(width - right, height - 6, 'end', ends[1])]
      : names.map((name, i) => text(x(i), height - 6, 'middle', name))),
  ];
  const stroke = kind === 'bars' ? Math.max(0.8, Math.min(step * 0.7, 40)) : 1.5;
  return `<figure>
<figcaption>${escapeHtml(title)}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(title)}">
<path class="axis" d="M${left} ${top}V${base}H${width - right}"/>
<path class="data" stroke-width="${place(stroke)}" d="${path}"/>
${[...lines, ...labels].join('\n')}
</svg>
</figure>`;
}

/** An interval of a source's history. */
interface Interval {
  time: string;
  bytesPerSecond: number;
  waiting: number;
  alarms: number;
}

/** How fast a source was read and how much it waited in the last day; `''` for fewer than two intervals. */
export function historyPlots(history: readonly Interval[]): string {
  const [first, last] = [history[0], history.at(-1)];
  if (first === undefined || last === undefined || history.length < 2) return '';
  const ends = [first.time, last.time] as const;
  const events = history.map(({ alarms }) => alarms > 0);
  const rates = history.map(({ bytesPerSecond }) => bytesPerSecond);
  return [
    plot({
      title:
        'Bytes per second that the daemon read of the source; an upright line: an alarm. Intervals in which it did not run are left out',
      values: rates,
      events,
      scale: { low: 0, high: Math.max(...rates, 1) },
      ends,
      kind: 'line',
    }),
    plot({
      title: 'Share of the time in which the source had nothing to give; an upright line: an alarm',
      events,
      values: history.map(({ waiting }) => waiting),
      scale: { low: 0, high: 1 },
      ends,
      kind: 'bars',
    }),
  ].join('\n');
}
