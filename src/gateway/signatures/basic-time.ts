/** ISO 8601 basic format in UTC, `20150830T123600Z`: the time in both signature schemes. Pure. */

const basicForm = /^\d{8}T\d{6}Z$/;

/**
 * Reads a time.
 * @param text anything
 * @returns milliseconds since the epoch, or undefined for another form or a day that does not exist
 */
export function parseBasicTime(text: string): number | undefined {
  if (!basicForm.test(text)) return undefined;
  const number = (start: number, end: number) => Number(text.slice(start, end));
  const [year, month, day] = [number(0, 4), number(4, 6), number(6, 8)];
  const [hour, minute, second] = [number(9, 11), number(11, 13), number(13, 15)];
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Date.UTC carries over what does not exist: February 30, 24:00, second 60.
  const exists =
    date.getUTCFullYear() === year &&
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  return exists ? date.getTime() : undefined;
}

/**
 * Writes a time.
 * @param time milliseconds since the epoch, of a year from 0 to 9999; fractions of a second are cut off
 */
export function formatBasicTime(time: number): string {
  const text = new Date(time).toISOString(); // 2015-08-30T12:36:00.000Z
  return `${text.slice(0, 4)}${text.slice(5, 7)}${text.slice(8, 13)}${text.slice(14, 16)}${text.slice(17, 19)}Z`;
}
