/** Numbers for people: short, with their unit; the whole figures are in JSON. */

import type { ReadStream, WriteStream } from 'node:tty';
import stringWidth from 'string-width';
import type { Paint, Style } from '../common/terminal.js';

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

// Lines of styled text that fit a number of columns, whatever stands in them.

/** A part of a line: printable text, and how it looks on a terminal. */
export interface Span {
  text: string;
  style?: Style | undefined;
}

export type Line = readonly Span[];

/** What an output shows that is no terminal, or does not say. */
export const defaultColumns = 80;

const ellipsis = '…';

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** A terminal gives no grapheme more than two columns; the package counts some marks as one of their own. */
const maxGraphemeWidth = 2;

/** The columns that a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of graphemes.segment(text))
    width += Math.min(stringWidth(segment), maxGraphemeWidth);
  return width;
}

/** The beginning of a text that is no wider than `columns`. */
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

/** Cuts text that is wider than `columns`, with an ellipsis. */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  return columns < 1 ? '' : beginning(text, columns - 1) + ellipsis;
}

/** Text of exactly `columns`: cut, or filled with spaces. */
export function cell(text: string, columns: number, align: 'left' | 'right' = 'left'): string {
  const short = cut(text, columns);
  const space = ' '.repeat(columns - widthOf(short));
  return align === 'left' ? short + space : space + short;
}

/** Breaks text between words, in at most `maxLines`; what is more is cut. `columns` is 2 or more. */
export function wrap(text: string, columns: number, maxLines: number): string[] {
  const lines: string[] = [];
  let rest = text.trim();
  while (rest !== '' && lines.length < maxLines - 1 && widthOf(rest) > columns) {
    const fitting = beginning(rest, columns);
    // A word that is longer than a line is broken where the line ends.
    const end = rest[fitting.length] === ' ' ? fitting.length : fitting.lastIndexOf(' ');
    const line = rest.slice(0, end > 0 ? end : fitting.length);
    lines.push(line.trimEnd());
    rest = rest.slice(line.length).trimStart();
  }
  if (rest !== '') lines.push(cut(rest, columns));
  return lines;
}

/** A line as text of at most `columns`, in its colours; without spaces at the end. */
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

// A picture on a terminal that is drawn over itself, without flicker, and the keys that end it.

// Control sequences of xterm, which every terminal of today understands or ignores.
const enter = '\x1b[?1049h\x1b[?25l';
const leave = '\x1b[?25h\x1b[?1049l';
const beginUpdate = '\x1b[?2026h';
const endUpdate = '\x1b[?2026l';
const home = '\x1b[H';
const clearLine = '\x1b[K';
const clearBelow = '\x1b[J';

/** Where the terminal does not say. */
const defaultRows = 24;

const interruptKey = '\x03';

/** Lines for the given number of columns, without line ends. */
export type Draw = (columns: number) => readonly string[];

/** The alternate screen of a terminal, until `close` or the end of the process. */
export class Screen {
  readonly #output: WriteStream;
  readonly #input: ReadStream;
  #draw: Draw = () => [];
  readonly #redraw = () => this.#write();
  readonly #restore = () => this.close();
  readonly #onKey: (data: Buffer) => void;
  #open = true;

  /**
   * @param onQuit the key q
   * @param onInterrupt Ctrl-C, which is no signal here
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
    output.write(enter);
    output.on('resize', this.#redraw);
    // A pipe has other things to say than keys.
    if (!input.isTTY) return;
    input.setRawMode(true);
    input.on('data', this.#onKey);
  }

  /** Shows another picture; as much of it as there are rows. */
  show(draw: Draw): void {
    this.#draw = draw;
    this.#write();
  }

  /** Gives the terminal back as it was. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    process.off('exit', this.#restore);
    this.#output.off('resize', this.#redraw);
    if (this.#input.isTTY) {
      this.#input.off('data', this.#onKey);
      this.#input.setRawMode(false);
      this.#input.pause();
    }
    this.#output.write(leave);
  }

  #write(): void {
    const { columns, rows } = this.#output;
    const lines = this.#draw(columns || defaultColumns).slice(0, rows || defaultRows);
    const text = lines.map((line) => `${line}${clearLine}`).join('\r\n');
    this.#output.write(`${beginUpdate}${home}${text}${clearBelow}${endUpdate}`);
  }
}
