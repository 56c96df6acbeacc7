/** The load as three charts: requests, random bytes and request durations. */
import { createChart, recent } from './chart.js';
import { byId, element, fill } from './dom.js';
import { pointBetween } from './rates.js';
import * as words from './words.js';

/** @type {import('./rates.js').Reading | undefined} */
let last;
/** The points of the last two minutes. @type {import('./rates.js').Point[]} */
let points = [];
/** The histogram's last bound, seconds. */
let largest = 0;

const medianName = 'median';
const tailName = '99th percentile';

/** @param {number} seconds Infinity: above the last bound */
function time(seconds) {
  return Number.isFinite(seconds) ? words.shortTime(seconds) : `over ${words.shortTime(largest)}`;
}

/**
 * @param {string} id of a card
 * @param {string} part
 */
const within = (id, part) => /** @type {Element} */ (byId(id).querySelector(part));

const draw = {
  requests: createChart(within('requests', '.chart'), {
    title: 'Requests per second',
    names: ['requests'],
    least: 10,
    words: words.rate,
    area: true,
  }),
  bytes: createChart(within('bytes', '.chart'), {
    title: 'Random bytes per second',
    names: ['random bytes'],
    least: 1_000,
    words: words.byteRate,
    area: true,
  }),
  latency: createChart(within('latency', '.chart'), {
    title: 'Request duration',
    names: [medianName, tailName],
    least: 0.000_1,
    // One slow request must not flatten the median.
    bottom: 0.000_001,
    words: time,
  }),
};

/**
 * Takes a reading; what happened since the previous one becomes a point.
 * @param {import('./rates.js').Reading} reading
 */
export function noteLoad(reading) {
  largest = reading.status.serving.bounds.at(-1) ?? 0;
  const point = pointBetween(last, reading);
  if (point !== undefined) points.push(point);
  last = reading;
}

/**
 * @param {string} id of a card
 * @param {readonly (readonly [string, string])[]} figures values and their names; '': the card's title says it
 */
function showFigures(id, figures) {
  fill(within(id, '.figure'), figures, () =>
    figures.map(([value, name], i) => {
      if (name === '') return element('span', {}, value);
      const key = element('span', { class: i === 0 ? 'key' : 'key dashed' });
      return element('span', {}, key, value, ' ', element('small', {}, name));
    }),
  );
}

/** Draws all points at their present age. */
export function showLoad() {
  const now = performance.now();
  points = points.filter(({ at }) => now - at <= recent.ms);
  const newest = points.at(-1);
  const point = newest?.at === last?.at ? newest : undefined;
  showFigures('requests', [[point === undefined ? '–' : words.rate(point.requests), '']]);
  showFigures('bytes', [[point === undefined ? '–' : words.byteRate(point.bytes), '']]);
  showFigures('latency', [
    [point?.median === undefined ? '–' : time(point.median), medianName],
    [point?.tail === undefined ? '–' : time(point.tail), tailName],
  ]);
  /** @param {'requests' | 'bytes' | 'median' | 'tail'} name */
  const series = (name) => points.map((each) => ({ at: each.at, value: each[name] }));
  draw.requests([series('requests')], now);
  draw.bytes([series('bytes')], now);
  draw.latency([series('median'), series('tail')], now);
}
