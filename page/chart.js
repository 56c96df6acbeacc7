/** A small SVG chart of the last two minutes, with a text for screen readers. */
import { element, setText, svg } from './dom.js';

/** The time span of a chart, ms. */
export const spanMs = 120_000;

/** The size of the drawing, which is stretched to its place. */
const width = 300;
const height = 80;

/** Points further apart than this are not joined, ms. */
const gapMs = 5_000;

/** Space above the highest line, so that its stroke is not clipped. */
const margin = 3;

/**
 * The paths of a line and of the area below it.
 * @param {readonly { at: number, value: number | undefined }[]} points in order of time, ms
 * @param {number} now
 * @param {number} top the value at the upper edge; higher values are drawn there
 * @param {number} bottom the value at the lower edge; lower ones are drawn there. Above 0 the axis is
 *   logarithmic
 * @returns {{ line: string, area: string }} values of `d`; a point without a value is a gap
 */
export function paths(points, now, top, bottom = 0) {
  /** @type {[number, number][][]} */
  const runs = [];
  let last = -Infinity;
  for (const { at, value } of points) {
    if (value === undefined) {
      last = -Infinity;
      continue;
    }
    if (at - last > gapMs) runs.push([]);
    last = at;
    const x = width - ((now - at) / spanMs) * width;
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
 *   area?: boolean, names: readonly string[] }} options `least`: lowest value of the upper edge; `bottom`:
 *   value of the lower edge of a logarithmic axis; `names`: one or two lines
 * @returns {(series: readonly (readonly { at: number, value: number | undefined }[])[], now: number) => void}
 *   draws one series per line
 */
export function createChart(where, { title, least, bottom = 0, words, area = false, names }) {
  const grid = svg('path', { class: 'grid', d: `M0 ${margin}H${width}M0 ${height / 2}H${width}` });
  const ground = svg('path', { class: 'area' });
  const lines = names.map((_, i) => svg('path', { class: i === 0 ? 'first' : 'second' }));
  const drawing = svg(
    'svg',
    { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', role: 'img' },
    grid,
    ground,
    ...lines,
  );
  const edge = element('span');
  where.append(
    element('p', { class: 'scale' }, edge),
    drawing,
    element('p', { class: 'scale' }, element('span', {}, '2 min ago'), element('span', {}, 'now')),
  );
  return (series, now) => {
    const values = series.flat().flatMap(({ value = 0 }) => (Number.isFinite(value) ? value : []));
    const highest = Math.max(0, ...values);
    const top = roundedUp(Math.max(least, highest));
    setText(edge, bottom > 0 ? `${words(top)}, logarithmic down to ${words(bottom)}` : words(top));
    for (const [i, points] of series.entries()) {
      const { line, area: surface } = paths(points, now, top, bottom);
      lines[i]?.setAttribute('d', line);
      if (area && i === 0) ground.setAttribute('d', surface);
    }
    const said = series.map((points, i) => {
      const last = points.at(-1)?.value;
      return `${names[i]}: now ${last === undefined ? 'no data' : words(last)}`;
    });
    drawing.setAttribute(
      'aria-label',
      `${title}, last two minutes. ${said.join('; ')}; highest ${words(highest)}.`,
    );
  };
}
