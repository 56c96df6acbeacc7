/** Formats numbers and times for people. */

/** No line break between a number and its unit. */
const space = '\u00a0';

const whole = new Intl.NumberFormat('en');

/** @param {number} value */
export const count = (value) => whole.format(value);

/**
 * A number with a prefix of its unit.
 * @param {number} value
 * @param {readonly string[]} units each `step` times the previous one
 * @param {number} [digits] significant digits
 * @param {number} [step] 1000 or 1024
 */
function scaled(value, units, digits = 3, step = 1000) {
  // A value that would round to a whole step is shown as 1 of the next unit.
  const limit = step - 0.5 * 10 ** (3 - digits);
  let index = 0;
  while (index < units.length - 1 && value >= limit) {
    value /= step;
    index++;
  }
  const number = new Intl.NumberFormat('en', { maximumSignificantDigits: digits }).format(value);
  return number + space + units[index];
}

const fraction = new Intl.NumberFormat('en', { maximumFractionDigits: 3 });

/** @param {number} value bits per byte, which may be a fraction */
export const bits = (value) => fraction.format(value);

/** Powers of 1024, as entropyctl has them. @param {number} value bytes */
export const bytes = (value) => scaled(value, ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'], 3, 1024);

/** @param {number} value bytes per second */
export const byteRate = (value) => `${bytes(value)}/s`;

/** @param {number} value per second */
export const rate = (value) => scaled(value, ['/s', 'k/s', 'M/s']);

/** @param {number} seconds from a histogram, which is precise to two digits at most */
export const shortTime = (seconds) => scaled(seconds * 1e6, ['µs', 'ms', 's'], 2);

/** Units of a duration, seconds. */
const durations = /** @type {const} */ ([
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
]);

/**
 * A duration in its two largest units.
 * @param {number} seconds below 0 counts as 0
 */
export function duration(seconds) {
  const rest = Math.max(0, Math.floor(seconds));
  const first = durations.findIndex(([, size]) => rest >= size);
  if (first < 0) return `0${space}s`;
  const parts = durations.slice(first, first + 2).map(([unit, size], i) => {
    const above = i === 0 ? Infinity : /** @type {number} */ (durations[first]?.[1]);
    return { unit, value: Math.floor((rest % above) / size) };
  });
  return parts
    .filter(({ value }) => value > 0)
    .map(({ unit, value }) => value + space + unit)
    .join(' ');
}

/**
 * A reason without "serving" or "not serving", for where that is said already.
 * @param {string} reason
 */
export const cause = (reason) => reason.replace(/^(not )?serving: /, '');

/** @param {number} value */
const two = (value) => String(value).padStart(2, '0');

/** The reader's time zone at a time: `UTC`, `GMT+2`. @param {Date} time */
function zone(time) {
  // A hostile daemon's time may be none at all, which Intl refuses.
  if (Number.isNaN(time.getTime())) return '';
  const parts = new Intl.DateTimeFormat('en', { timeZoneName: 'short' }).formatToParts(time);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
}

/** The time of day in the reader's time zone, which is named. @param {Date} time */
export const clock = (time) =>
  `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())} ${zone(time)}`;

/** @param {Date} time */
const date = (time) => `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;

/**
 * Date and time in the reader's time zone.
 * @param {Date} time
 */
export const dateAndClock = (time) => `${date(time)} ${clock(time)}`;

/**
 * An hour of the reader's clock: `2026-11-02 03:00 UTC`.
 * @param {Date} time its beginning
 */
export const hour = (time) => `${date(time)} ${two(time.getHours())}:00 ${zone(time)}`;
