/** The numbers that commands take. */
import { UsageError } from '../common/program.js';

/**
 * Reads a number of bytes: digits and K, M or G for powers of 1024.
 * @throws UsageError
 */
export function parseSize(text: string): number {
  const [, digits, unit] = /^(\d{1,15})([KMG]?)$/.exec(text) ?? [];
  const size = Number(digits) * 1024 ** ['', 'K', 'M', 'G'].indexOf(unit ?? '');
  if (digits === undefined || size < 1 || !Number.isSafeInteger(size))
    throw new UsageError(`N: want a number of bytes from 1 on, such as 32, 4K, 1M or 2G: ${text}`);
  return size;
}

/** Seconds: often enough to see a burst, and seldom enough to be of use. */
const minInterval = 0.1;
const maxInterval = 3600;

/**
 * Reads a number of seconds.
 * @throws UsageError
 */
export function parseInterval(text: string): number {
  const seconds = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= minInterval && seconds <= maxInterval) return seconds;
  throw new UsageError(`--interval: want ${minInterval} to ${maxInterval} seconds: ${text}`);
}
