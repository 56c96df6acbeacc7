/** Text for a terminal: colors if wanted, and nothing that the terminal would obey. */
import util from 'node:util';

/** The part of a stream that colors depend on. */
export interface Terminal {
  isTTY?: boolean | undefined;
}

/** Styles of `util.styleText`. */
export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

/** Styles text, or returns it unchanged. */
export type Paint = (style: Style, text: string) => string;

const plain: Paint = (_, text) => text;

/**
 * How to color text for a stream. NO_COLOR (no-color.org) and TERM=dumb turn colors off.
 * FORCE_COLOR (force-color.org) turns them on without a terminal, unless it is `0` or `false`.
 */
export function paintFor({ isTTY = false }: Terminal, env: NodeJS.ProcessEnv = process.env): Paint {
  // Node before 20.12 has no styleText.
  if (util.styleText === undefined || env.NO_COLOR) return plain;
  const { FORCE_COLOR: force } = env;
  const wanted = force ? force !== '0' && force !== 'false' : isTTY && env.TERM !== 'dumb';
  if (!wanted) return plain;
  const { styleText } = util as {
    styleText(style: Style, text: string, options: object): string;
  };
  return (style, text) => styleText(style, text, { validateStream: false });
}

/**
 * What a terminal obeys, hides or reverses: control, format and unassigned characters, line breaks.
 */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Makes a value from elsewhere safe to print: one line, with U+FFFD for each unprintable character.
 * @returns `?` for objects, functions and symbols, whose conversion to text could run any code
 */
export function printable(value: unknown): string {
  const isThing = typeof value === 'symbol' || Object(value) === value;
  return isThing ? '?' : String(value).replace(unprintable, '\ufffd');
}

/** The same for a text of many lines: its line feeds stay. */
export function printablePage(text: string): string {
  return text.replace(unprintable, (character) => (character === '\n' ? '\n' : '\ufffd'));
}

/** A value as JSON on one line, in which what {@link printable} replaces is escaped. JSON itself escapes only ASCII's controls. */
export function printableJson(value: object): string {
  return JSON.stringify(value).replace(unprintable, (character) =>
    Array.from({ length: character.length }, (_, i) => {
      const unit = character.charCodeAt(i).toString(16);
      return `\\u${unit.padStart(4, '0')}`;
    }).join(''),
  );
}
