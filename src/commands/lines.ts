/** Lines of styled text that fit a number of columns, whatever stands in them. */
import stringWidth from 'string-width';
import type { Paint, Style } from '../common/terminal.js';

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
