/** A small chart of the last two minutes: lines in SVG, the same in words for those who do not see it. */
import { element, setText, svg } from './dom.js';

/** What a chart shows, ms. */
export const spanMs = 120_000;

/** Of the drawing; it is stretched to its place. */
const width = 300;
const height = 80;

/** Points farther apart than this are not joined, ms. */
const gapMs = 5_000;

/** Least height of the line's top over the drawing's, so that its stroke is whole. */
const margin = 3;

/**
 * The path of a line.
 * @param {readonly { at: number, value: number | undefined }[]} points in the order of time, ms
 * @param {number} now
 * @param {number} top the value at the upper edge; what is above is drawn there
 * @returns {{ line: string, area: string }} values of `d`; a point without a value is a gap
 */
export function paths(points, now, top) {
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
    const y = height - (Math.min(value, top) / top) * (height - margin);
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
 * The next of 1, 2, 5, 10 ... that is not below.
 * @param {number} value above 0
 */
export function roundedUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5].find((each) => each * power * (1 + Number.EPSILON * 4) >= value) ?? 10;
  return factor * power;
}

/**
 * Puts a chart into a place.
 * @param {Element} where an empty element
 * @param {{ title: string, least: number, words: (value: number) => string, area?: boolean,
 *   names: readonly string[] }} options `least`: the lowest upper edge; `names`: of the lines, one or two
 * @returns {(series: readonly (readonly { at: number, value: number | undefined }[])[], now: number) => void}
 *   draws: a series a line
 */
export function createChart(where, { title, least, words, area = false, names }) {
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
    setText(edge, words(top));
    for (const [i, points] of series.entries()) {
      const { line, area: surface } = paths(points, now, top);
      lines[i]?.setAttribute('d', line);
      if (area && i === 0) ground.setAttribute('d', surface);
    }
    const said = series.map((points, i) => {
      const last = points.at(-1)?.value;
      return `${names[i]}: now ${last === undefined ? 'nothing' : words(last)}`;
    });
    drawing.setAttribute(
      'aria-label',
      `${title}, last two minutes. ${said.join('; ')}; highest ${words(highest)}.`,
    );
  };
}
