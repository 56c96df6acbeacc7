/** The last day of the daemon: charts, what happened in a sentence, and the figures by the hour. */
import { createChart } from './chart.js';
import { byId, element, fill, setText } from './dom.js';
import { hoursOf, pointsOf, readHistory, sumOf } from './history.js';
import { ask } from './polling.js';
import { readStatus } from './status.js';
import * as words from './words.js';

/** Between two requests, ms: the daemon adds an interval every five minutes. */
const intervalMs = 60_000;

/** Two missing intervals are a gap. @type {import('./chart.js').Span} */
const day = {
  ms: 24 * 3_600_000,
  gapMs: 3 * 300_000,
  name: 'last day',
  from: '24 h ago',
  newest: 'last',
};

/** More changes of state in an hour than this are a number. */
const namedChanges = 3;

const place = {
  charts: byId('day-charts'),
  summary: byId('day-summary'),
  details: byId('day-details'),
  hours: byId('day-hours'),
};

/** @param {string} id of a card @param {string} part */
const within = (id, part) => /** @type {Element} */ (byId(id).querySelector(part));

/**
 * @param {string} id of a card
 * @param {Omit<Parameters<typeof createChart>[1], 'span'>} options
 */
const chart = (id, options) => createChart(within(id, '.chart'), { ...options, span: day });

/** @param {number} share 0 to 1 */
const percent = (share) => `${Math.round(share * 100)}\u00a0%`;

const draw = {
  requests: chart('day-requests', {
    title: 'Requests per second',
    names: ['requests'],
    least: 1,
    words: words.rate,
    area: true,
  }),
  bytes: chart('day-bytes', {
    title: 'Random bytes per second',
    names: ['random bytes'],
    least: 100,
    words: words.byteRate,
    area: true,
  }),
  noise: chart('day-noise', {
    title: 'Bytes per second that were read from all noise sources',
    names: ['noise'],
    least: 10,
    words: words.byteRate,
    area: true,
  }),
  waiting: chart('day-waiting', {
    title: 'Share of the time in which the source that waited longest had no data',
    names: ['waiting'],
    least: 1,
    words: percent,
    area: true,
  }),
};

/** @param {readonly (readonly [string, number])[]} counts @param {(value: number) => string} said */
const bySource = (counts, said) =>
  counts.map(([name, value]) => `${name} ${said(value)}`).join(', ');

/** @param {number} value @param {string} one @param {string} [more] */
const counted = (value, one, more = `${one}s`) =>
  `${words.count(value)} ${value === 1 ? one : more}`;

/** @param {import('./history.js').History} history @param {import('./history.js').Sums} sums */
function summary({ intervals, changes, intervalSeconds, stored }, sums) {
  const alarms = sums.alarms.reduce((all, [, count]) => all + count, 0);
  const kept = stored
    ? ''
    : ' It is in memory only: the daemon has no state directory that it can write.';
  const what =
    intervals.length === 0
      ? `Nothing yet: an interval takes ${words.duration(intervalSeconds)}.`
      : `${counted(alarms, 'health-test alarm')}${alarms === 0 ? '' : ` (${bySource(sums.alarms, words.count)})`}, ` +
        `${counted(changes.length, 'change')} of state, ${counted(sums.reseeds, 'reseed')}, ` +
        `${counted(sums.refused, 'refused request')}.`;
  return what + kept;
}

/** @param {string} id of a card @param {string} value @param {string} name */
function showFigure(id, value, name) {
  fill(within(id, '.figure'), [value, name], () => [
    element('span', {}, value, ' ', element('small', {}, name)),
  ]);
}

/** @param {import('./history.js').Hour} hour */
function hourRow({ at, state, changes, sums }) {
  const named = changes.length <= namedChanges;
  const time = new Date(at);
  const cells = [
    state,
    words.count(sums.requests),
    words.bytes(sums.randomBytes),
    words.count(sums.refused),
    words.bytes(sums.noiseBytes),
    bySource(sums.waiting, words.duration),
    words.count(sums.reseeds),
    bySource(sums.alarms, words.count),
    named ? changes.join(', ') : `${changes.length}, the last: ${changes.at(-1)}`,
  ];
  return element(
    'tr',
    {},
    element(
      'th',
      { scope: 'row' },
      element('time', { datetime: time.toISOString() }, words.hour(time)),
    ),
    ...cells.map((cell) => element('td', {}, cell === '' ? '–' : cell)),
  );
}

/** @param {import('./history.js').History} history @param {number} now by the host's clock, ms since 1970 */
function show(history, now) {
  const { intervals, changes } = history;
  const sums = sumOf(intervals);
  setText(place.summary, summary(history, sums));
  place.charts.hidden = intervals.length === 0;
  place.details.hidden = intervals.length === 0;
  showFigure('day-requests', words.count(sums.requests), 'in all');
  showFigure('day-bytes', words.bytes(sums.randomBytes), 'in all');
  showFigure('day-noise', words.bytes(sums.noiseBytes), 'in all');
  const [longest] = sums.waiting;
  showFigure(
    'day-waiting',
    longest === undefined ? 'none' : words.duration(longest[1]),
    longest === undefined ? '' : `in all: ${longest[0]}`,
  );
  const alarms = intervals.filter(({ sources }) => sources.some((source) => source.alarms > 0));
  const marks = {
    alarms: alarms.map(({ at }) => at),
    changes: changes.map(({ at }) => at),
    ticks: [],
  };
  const seeded = intervals.filter(({ reseeds }) => reseeds > 0).map(({ at }) => at);
  const points = pointsOf(intervals);
  draw.requests([points.requests], now, marks);
  draw.bytes([points.bytes], now, marks);
  draw.noise([points.noise], now, { ...marks, ticks: seeded });
  draw.waiting([points.waiting], now, marks);
  const hours = hoursOf(history);
  fill(place.hours, hours, () => hours.map(hourRow));
}

/** When it was last asked for, by performance.now(), and for what. */
let asked = { at: -Infinity, key: '' };
let asking = false;

/**
 * Asks for the history and shows it, if that was not just done.
 * @param {string} key what has changed if it has to be asked for at once
 */
export async function refreshDay(key) {
  const at = performance.now();
  if (asking || (asked.key === key && at - asked.at < intervalMs)) return;
  asking = true;
  asked = { at, key };
  try {
    const { status, body, hostTime } = await ask('/history');
    if (status === 200) show(readHistory(body), hostTime);
    else setText(place.summary, `Not known: ${readStatus(body).reason}`);
  } catch (error) {
    setText(place.summary, `Not known: ${/** @type {Error} */ (error).message}`);
  }
  asking = false;
}
