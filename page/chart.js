/** A small SVG chart of some time until now, with a text for screen readers. */
import { element, setText, svg } from './dom.js';

/**
 * The time that a chart shows. `ms`: how much; `gapMs`: points further apart are not joined; `from`: below
 * its left end; `name` and `newest`: for screen readers, the whole and its last point.
 * @typedef {{ ms: number, gapMs: number, name: string, from: string, newest: string }} Span
 */

/** The last two minutes, which the page itself has seen. @type {Span} */
export const recent = {
  ms: 120_000,
  gapMs: 5_000,
  name: 'last two minutes',
  from: '2 min ago',
  newest: 'now',
};

/** The size of the drawing, which is stretched to its place. */
const width = 300;
const height = 80;

/** Height of a tick at the lower edge. */
const tickHeight = 10;

/** Space above the highest line, so that its stroke is not clipped. */
const margin = 3;

/**
 * Where a time is, from the left.
 * @param {number} at ms
 * @param {number} now
 * @param {Span} span
 */
const across = (at, now, span) => width - ((now - at) / span.ms) * width;

/**
 * The paths of a line and of the area below it.
 * @param {readonly { at: number, value: number | undefined }[]} points in order of time, ms
 * @param {number} now
 * @param {number} top the value at the upper edge; higher values are drawn there
 * @param {number} bottom the value at the lower edge; lower ones are drawn there. Above 0 the axis is
 *   logarithmic
 * @param {Span} span
 * @returns {{ line: string, area: string }} values of `d`; a point without a value is a gap
 */
export function paths(points, now, top, bottom = 0, span = recent) {
  /** @type {[number, number][][]} */
  const runs = [];
  let last = -Infinity;
  for (const { at, value } of points) {
    if (value === undefined) {
      last = -Infinity;
      continue;
    }
    if (at - last > span.gapMs) runs.push([]);
    last = at;
    const x = across(at, now, span);
    // A hostile daemon's numbers may be negative, or overflow to Infinity.
    const within = Math.min(Math.max(value, bottom), top);
    const share = bottom > 0 ? Math.log(within / bottom) / Math.log(top / bottom) : within / top;
    const y = height - share * (height - margin);
    runs.at(-1)?.push([x, y]);
  }
  /** @param {[number, number][]} run */
  const joined = (run) => run.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L');
  const line = runs.map((run) => `M${joined(run)}${run.length === 1 ? 'h0' : ''}`).join('');
  const area = runs
    .filter((run) => run.length > 1)
    .map((run) => `M${run[0]?.[0].toFixed(1)} ${height}L${joined(run)}V${height}Z`)
    .join('');
  return { line, area };
}

/**
 * The path of vertical lines.
 * @param {readonly number[]} times ms; what is outside the chart is left out
 * @param {number} now
 * @param {Span} span
 * @param {number} from where they begin, from above
 * @returns {string} a value of `d`
 */
export function uprights(times, now, span, from = 0) {
  return times
    .map((at) => across(at, now, span))
    .filter((x) => x >= 0 && x <= width)
    .map((x) => `M${x.toFixed(1)} ${from}V${height}`)
    .join('');
}

/**
 * Rounds up to the next of 1, 2, 5, 10, ...
 * @param {number} value above 0
 * @returns {number} finite, as a hostile daemon's number need not be
 */
export function roundedUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5].find((each) => each * power * (1 + Number.EPSILON * 4) >= value) ?? 10;
  return Math.min(factor * power, Number.MAX_VALUE);
}

/**
 * Creates a chart.
 * @param {Element} where an empty element
 * @param {{ title: string, least: number, bottom?: number, words: (value: number) => string,
 *   area?: boolean, names: readonly string[], span?: Span }} options `least`: lowest value of the upper edge;
 *   `bottom`: value of the lower edge of a logarithmic axis; `names`: one or two lines
 * @returns {(series: readonly (readonly { at: number, value: number | undefined }[])[], now: number,
 *   marks?: Marks) => void} draws one series per line
 *
 * Times of what happened. `alarms` and `changes` are lines from top to bottom, `ticks` short ones.
 * @typedef {{ alarms: readonly number[], changes: readonly number[], ticks: readonly number[] }} Marks
 */
export function createChart(where, options) {
  const { title, least, bottom = 0, words, area = false, names, span = recent } = options;
  const grid = svg('path', { class: 'grid', d: `M0 ${margin}H${width}M0 ${height / 2}H${width}` });
  const ground = svg('path', { class: 'area' });
  const lines = names.map((_, i) => svg('path', { class: i === 0 ? 'first' : 'second' }));
  const marked = {
    ticks: svg('path', { class: 'tick' }),
    changes: svg('path', { class: 'change' }),
    alarms: svg('path', { class: 'alarm' }),
  };
  const drawing = svg(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' },
    grid,
    ground,
    ...lines,
    ...Object.values(marked),
  );
  const edge = element('span');
  where.append(
    element('p', { class: 'scale' }, edge),
    drawing,
    element('p', { class: 'scale' }, element('span', {}, span.from), element('span', {}, 'now')),
  );
  return (series, now, marks) => {
    const values = series.flat().flatMap(({ value = 0 }) => (Number.isFinite(value) ? value : []));
    const highest = Math.max(0, ...values);
    const top = roundedUp(Math.max(least, highest));
    setText(edge, bottom > 0 ? `${words(top)}, logarithmic down to ${words(bottom)}` : words(top));
    for (const [i, points] of series.entries()) {
      const { line, area: surface } = paths(points, now, top, bottom, span);
      lines[i]?.setAttribute('d', line);
      if (area && i === 0) ground.setAttribute('d', surface);
    }
    if (marks !== undefined) {
      marked.ticks.setAttribute('d', uprights(marks.ticks, now, span, height - tickHeight));
      marked.changes.setAttribute('d', uprights(marks.changes, now, span));
      marked.alarms.setAttribute('d', uprights(marks.alarms, now, span));
    }
    const said = series.map((points, i) => {
      const last = points.at(-1)?.value;
      return `${names[i]}: ${span.newest} ${last === undefined ? 'no data' : words(last)}`;
    });
    drawing.setAttribute(
      'aria-label',
      `${title}, ${span.name}. ${said.join('; ')}; highest ${words(highest)}.`,
    );
  };
}
