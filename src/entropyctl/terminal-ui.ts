/** Text for terminals: short numbers with units, columns, and a screen that is redrawn in place. */
import type { ReadStream, WriteStream } from 'node:tty';
import stringWidth from 'string-width';
import type { Paint, Style } from '../common/terminal.js';
import { isAmount } from './reported-status.js';

/** Stands for a value that is not an amount. */
const unknown = '?';

const thousand = 1000;
const kibi = 1024;
const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** From here on a count is shortened to three digits. */
const shortenedFrom = 10_000;

/** Three digits and a prefix: 12.3 k. */
function shortened(value: number, base: number, suffix: string): string {
  let rest = value;
  let power = 0;
  // A value that would round up to the base gets the next prefix.
  while (rest >= base - 0.5 && power < prefixes.length - 1) {
    rest /= base;
    power++;
  }
  const digits = power === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2;
  return `${rest.toFixed(digits)} ${prefixes[power]}${suffix}`.trimEnd();
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

/** A count per second: 0/s, 0.25/s, 12.3 k/s. */
export function perSecond(value: unknown): string {
  if (!isAmount(value)) return unknown;
  const isSmall = value > 0 && value < 99.95;
  return `${isSmall ? value.toFixed(value < 9.995 ? 2 : 1) : count(value)}/s`;
}

/** Seconds as a duration: 50 µs, 2 ms, 42 s, 3 min 5 s, 4 h 2 min, 12 d 3 h. */
export function duration(value: unknown): string {
  if (!isAmount(value)) return unknown;
  if (value > 0 && value < 1) {
    // Values that would round up to 1000 µs are milliseconds.
    const [factor, unit] = value < 0.001 - 0.5e-6 ? ([1e6, 'µs'] as const) : ([1e3, 'ms'] as const);
    return `${Number((value * factor).toPrecision(3))} ${unit}`;
  }
  const seconds = Math.round(value);
  const two = (large: number, largeUnit: string, small: number, smallUnit: string) =>
    `${count(Math.floor(seconds / large))} ${largeUnit} ${Math.floor((seconds % large) / small)} ${smallUnit}`;
  if (seconds < minute) return `${seconds} s`;
  if (seconds < hour) return two(minute, 'min', 1, 's');
  if (seconds < day) return two(hour, 'h', minute, 'min');
  return two(day, 'd', hour, 'h');
}

/** A part of a line: printable text and its style. */
export interface Span {
  text: string;
  style?: Style | undefined;
}

export type Line = readonly Span[];

/** Columns of an output that is not a terminal, or of a terminal that does not report its size. */
export const defaultColumns = 80;

const ellipsis = '…';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** A terminal gives a grapheme at most two columns; string-width counts some combining marks extra. */
const maxGraphemeWidth = 2;

/** The columns that a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text))
    width += Math.min(stringWidth(segment), maxGraphemeWidth);
  return width;
}

/** The longest beginning of a text that fits `columns`. */
function beginning(text: string, columns: number): string {
  let width = 0;
  let end = 0;
  for (const { segment } of graphemes.segment(text)) {
    width += widthOf(segment);
    if (width > columns) break;
    end += segment.length;
  }
  return text.slice(0, end);
}

/** Cuts text that is wider than `columns`, and ends it with an ellipsis. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  return columns < 1 ? '' : beginning(text, columns - 1) + ellipsis;
}

/** Text of exactly `columns`: cut, or padded with spaces. */
export function cell(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const short = cut(text, columns);
  const space = ' '.repeat(columns - widthOf(short));
  return align === 'left' ? short + space : space + short;
}

/**
 * Breaks text between words; a word longer than a line is broken at the line's end.
 * @param columns 2 or more
 * @returns at most `maxLines` lines, the last of which is cut
 */
export function wrap(text: string, columns: number, maxLines: number): string[] {
  const lines: string[] = [];
  let rest = text.trim();
  while (rest !== '' && lines.length < maxLines - 1 && widthOf(rest) > columns) {
    const fitting = beginning(rest, columns);
    const end = rest[fitting.length] === ' ' ? fitting.length : fitting.lastIndexOf(' ');
    const line = rest.slice(0, end > 0 ? end : fitting.length);
    lines.push(line.trimEnd());
    rest = rest.slice(line.length).trimStart();
  }
  if (rest !== '') lines.push(cut(rest, columns));
  return lines;
}

/** A line as styled text of at most `columns`, without spaces at its end. */
export function render(line: Line, paint: Paint, columns = defaultColumns): string {
  let left = columns;
  const parts: Span[] = [];
  for (const { text, style } of line) {
    const fitting = cut(text, left);
    parts.push({ text: fitting, style });
    left -= widthOf(fitting);
    if (fitting !== text) break;
  }
  for (let last = parts.at(-1); last !== undefined; last = parts.at(-1)) {
    last.text = last.text.trimEnd();
    if (last.text !== '') break;
    parts.pop();
  }
  return parts
    .map(({ text, style }) =>
      style === undefined || text.trim() === '' ? text : paint(style, text),
    )
    .join('');
}

// xterm's control sequences. A terminal that does not know one ignores it.
const enterScreen = '\x1b[?1049h\x1b[?25l';
const leaveScreen = '\x1b[?25h\x1b[?1049l';
const beginUpdate = '\x1b[?2026h';
const endUpdate = '\x1b[?2026l';
const home = '\x1b[H';
const clearLine = '\x1b[K';
const clearBelow = '\x1b[J';

/** Rows of a terminal that does not report its size. */
const defaultRows = 24;

const interruptKey = '\x03';

/** Draws lines, without line ends, for a number of columns. */
export type Draw = (columns: number) => readonly string[];

/** The alternate screen of a terminal, until `close` or the end of the process. Redraws do not flicker. */
export class Screen {
  readonly #output: WriteStream;
  readonly #input: ReadStream;
  #draw: Draw = () => [];
  readonly #redraw = () => this.#write();
  readonly #restore = () => this.close();
  readonly #onKey: (data: Buffer) => void;
  #isOpen = true;

  /**
   * @param onQuit called for the key q
   * @param onInterrupt called for Ctrl-C, which raises no signal in raw mode
   */
  constructor(
    output: WriteStream,
    input: ReadStream,
    { onQuit, onInterrupt }: { onQuit(): void; onInterrupt(): void },
  ) {
    this.#output = output;
    this.#input = input;
    this.#onKey = (data) => {
      const keys = data.toString('latin1');
      if (keys.includes(interruptKey)) onInterrupt();
      else if (/q/i.test(keys)) onQuit();
    };
    process.once('exit', this.#restore);
    output.write(enterScreen);
    output.on('resize', this.#redraw);
    // Data from a pipe are not keys.
    if (!input.isTTY) return;
    input.setRawMode(true);
    input.on('data', this.#onKey);
  }

  /** Replaces what is shown; rows that do not fit are left out. */
  show(draw: Draw): void {
    this.#draw = draw;
    this.#write();
  }

  /** Restores the terminal. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    process.off('exit', this.#restore);
    this.#output.off('resize', this.#redraw);
    if (this.#input.isTTY) {
      this.#input.off('data', this.#onKey);
      this.#input.setRawMode(false);
      this.#input.pause();
    }
    this.#output.write(leaveScreen);
  }

  #write(): void {
    const { columns, rows } = this.#output;
    const lines = this.#draw(columns || defaultColumns).slice(0, rows || defaultRows);
    const text = lines.map((line) => `${line}${clearLine}`).join('\r\n');
    this.#output.write(`${beginUpdate}${home}${text}${clearBelow}${endUpdate}`);
  }
}
