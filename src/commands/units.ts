/** Numbers for people: short, with their unit; the whole figures are in JSON. */

/** Of no number: what answers may be another version. */
const unknown = '?';

const thousand = 1000;
const kibi = 1024;
const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** From here on counts and sizes are shortened, to three digits. */
const shortenedFrom = 10_000;

/** Three digits and a prefix: 12.3 k. */
function shortened(value: number, base: number, suffix: string): string {
  let rest = value;
  let power = 0;
  // What three digits round up to the base gets the next prefix.
  while (rest >= base - 0.5 && power < prefixes.length - 1) {
    rest /= base;
    power++;
  }
  const digits = power === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2;
  return `${rest.toFixed(digits)} ${prefixes[power]}${suffix}`.trimEnd();
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** A count: 9999, 12.3 k, 4.56 M. */
export function count(value: unknown): string {
  if (!isAmount(value)) return unknown;
  return value < shortenedFrom ? String(Math.round(value)) : shortened(value, thousand, '');
}

/** Bytes: 512 B, 12.3 KiB, 4.56 GiB. */
export function bytes(value: unknown): string {
  if (!isAmount(value)) return unknown;
  if (value < kibi - 0.5) return `${Math.round(value)} B`;
  return shortened(value, kibi, 'iB').replace('k', 'K');
}

/** Of counts each second: 0, 0.25/s, 12.3 k/s. */
export function perSecond(value: unknown): string {
  if (!isAmount(value)) return unknown;
  const small = value > 0 && value < 99.95;
  return `${small ? value.toFixed(value < 9.995 ? 2 : 1) : count(value)}/s`;
}

/** A time of any length, seconds: 50 µs, 2 ms, 42 s, 3 min 5 s, 4 h 2 min, 12 d 3 h. */
export function duration(value: unknown): string {
  if (!isAmount(value)) return unknown;
  if (value < 1 && value > 0) {
    const milli = value < 0.001 - 0.5e-6 ? [1e6, 'µs'] : [1e3, 'ms'];
    return `${Number((value * (milli[0] as number)).toPrecision(3))} ${milli[1]}`;
  }
  const seconds = Math.round(value);
  const two = (large: number, largeUnit: string, small: number, smallUnit: string) =>
    `${count(Math.floor(seconds / large))} ${largeUnit} ${Math.floor((seconds % large) / small)} ${smallUnit}`;
  if (seconds < minute) return `${seconds} s`;
  if (seconds < hour) return two(minute, 'min', 1, 's');
  if (seconds < day) return two(hour, 'h', minute, 'min');
  return two(day, 'd', hour, 'h');
}
