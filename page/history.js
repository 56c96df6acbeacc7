/** Reads the answer of /history: a day of the daemon in intervals. Sums and points are made of it here. */
import { list, number, object, readTransition, text } from './status.js';

/**
 * A source in an interval.
 * @typedef {{ name: string, bytes: number, alarms: number, waitingSeconds: number }} SourcePart
 *
 * An interval. `at` is its end, ms since 1970; counts are those of the interval.
 * @typedef {{ at: number, seconds: number, state: string, requests: number, randomBytes: number,
 *   refused: number, reseeds: number, sources: SourcePart[] }} Interval
 * @typedef {{ at: number, state: string }} Change
 * @typedef {{ intervalSeconds: number, stored: boolean, intervals: Interval[], changes: Change[] }} History
 *
 * What happened in some intervals together. `alarms` and `waiting` are by source, those without left out;
 * `waiting` is in seconds, the longest first.
 * @typedef {{ requests: number, randomBytes: number, refused: number, reseeds: number, noiseBytes: number,
 *   alarms: [string, number][], waiting: [string, number][] }} Sums
 *
 * An hour of the reader's clock. `state` is at its end.
 * @typedef {{ at: number, state: string, changes: string[], sums: Sums }} Hour
 */

/** More than a day of intervals and changes; a hostile daemon's answer may have more. */
const most = 1_000;

/**
 * Reads an answer. What is missing or has another type becomes empty or 0; an interval without a time or a
 * length is left out.
 * @param {unknown} body any JSON
 * @returns {History} oldest first
 */
export function readHistory(body) {
  const from = object(body);
  const changes = list(from.transitions, readTransition).map(({ time, state }) => ({
    at: Date.parse(time),
    state,
  }));
  return {
    intervalSeconds: number(from.intervalSeconds),
    stored: from.stored === true,
    intervals: list(from.records, readInterval)
      .filter(({ at, seconds }) => !Number.isNaN(at) && seconds > 0)
      .slice(-most),
    changes: changes.filter(({ at }) => !Number.isNaN(at)).slice(-most),
  };
}

/**
 * @param {unknown} value
 * @returns {Interval}
 */
function readInterval(value) {
  const from = object(value);
  return {
    at: Date.parse(text(from.time)),
    seconds: number(from.seconds),
    state: text(from.state),
    requests: number(from.requests),
    randomBytes: number(from.randomBytes),
    refused: number(from.refused),
    reseeds: number(from.reseeds),
    sources: list(from.sources, (each) => {
      const source = object(each);
      return {
        name: text(source.name),
        bytes: number(source.bytes),
        alarms: number(source.alarms),
        waitingSeconds: number(source.waitingSeconds),
      };
    }),
  };
}

/**
 * @param {readonly { [key in 'requests' | 'randomBytes' | 'refused' | 'reseeds']: number }[]} intervals
 * @param {'requests' | 'randomBytes' | 'refused' | 'reseeds'} name
 */
const total = (intervals, name) => intervals.reduce((sum, each) => sum + each[name], 0);

/**
 * @param {readonly Interval[]} intervals
 * @returns {Sums}
 */
export function sumOf(intervals) {
  /** @type {Map<string, number>} */
  const alarms = new Map();
  /** @type {Map<string, number>} */
  const waiting = new Map();
  let noiseBytes = 0;
  for (const { sources } of intervals)
    for (const source of sources) {
      noiseBytes += source.bytes;
      alarms.set(source.name, (alarms.get(source.name) ?? 0) + source.alarms);
      waiting.set(source.name, (waiting.get(source.name) ?? 0) + source.waitingSeconds);
    }
  /** @param {Map<string, number>} counts */
  const some = (counts) => [...counts].filter(([, count]) => count > 0);
  return {
    requests: total(intervals, 'requests'),
    randomBytes: total(intervals, 'randomBytes'),
    refused: total(intervals, 'refused'),
    reseeds: total(intervals, 'reseeds'),
    noiseBytes,
    alarms: some(alarms),
    waiting: some(waiting).sort(([, a], [, b]) => b - a),
  };
}

/** The lines of the charts. @typedef {'requests' | 'bytes' | 'noise' | 'waiting'} Line */

/**
 * A point of a line for each interval, at its end: rates per second; of the source that waited longest, the
 * share of the time, 0 to 1.
 * @param {readonly Interval[]} intervals
 * @returns {Record<Line, { at: number, value: number }[]>}
 */
export function pointsOf(intervals) {
  /** @param {(interval: Interval) => number} amount */
  const points = (amount) =>
    intervals.map((each) => ({ at: each.at, value: amount(each) / each.seconds }));
  return {
    requests: points(({ requests }) => requests),
    bytes: points(({ randomBytes }) => randomBytes),
    noise: points((interval) => sumOf([interval]).noiseBytes),
    waiting: points((interval) =>
      Math.min(interval.seconds, sumOf([interval]).waiting[0]?.[1] ?? 0),
    ),
  };
}

/**
 * The hour of the reader's clock that a time is in.
 * @param {number} at ms since 1970
 */
const hourOf = (at) => new Date(at).setMinutes(0, 0, 0);

/**
 * Intervals and changes by the hour; hours in which nothing was recorded are left out.
 * @param {History} history
 * @returns {Hour[]} newest first
 */
export function hoursOf({ intervals, changes }) {
  // An interval that ends with an hour belongs to it.
  const middle = (/** @type {Interval} */ { at, seconds }) => at - seconds * 500;
  const starts = [...intervals.map(middle), ...changes.map(({ at }) => at)].map(hourOf);
  return [...new Set(starts)]
    .filter((at) => !Number.isNaN(at))
    .sort((a, b) => b - a)
    .map((hour) => {
      const own = intervals.filter((each) => hourOf(middle(each)) === hour);
      return {
        at: hour,
        state: own.at(-1)?.state ?? '',
        changes: changes.filter(({ at }) => hourOf(at) === hour).map(({ state }) => state),
        sums: sumOf(own),
      };
    });
}
