/** What may go to a terminal: colours where they are wanted, and no text that it would obey. */
import util from 'node:util';

/** A stream, as far as colours depend on it. */
export interface Terminal {
  isTTY?: boolean | undefined;
}

/** As `util.styleText` knows them. */
export type Style = 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

/** Gives text a style, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

const plain: Paint = (_, text) => text;

/**
 * How text for a stream gets its colours: NO_COLOR (no-color.org) and TERM=dumb turn them off,
 * FORCE_COLOR (force-color.org; 0 and false are no) on where no terminal is.
 */
export function paintFor({ isTTY = false }: Terminal, env: NodeJS.ProcessEnv = process.env): Paint {
  // Node before 20.12 has none.
  if (util.styleText === undefined || env.NO_COLOR) return plain;
  const { FORCE_COLOR: force } = env;
  const wanted = force ? force !== '0' && force !== 'false' : isTTY && env.TERM !== 'dumb';
  if (!wanted) return plain;
  const { styleText } = util as {
    styleText(style: Style, text: string, options: object): string;
  };
  return (style, text) => styleText(style, text, { validateStream: false });
}

/** What a terminal obeys, does not show, or turns round: controls, invisible signs, ends of lines. */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * What came from elsewhere as text for a terminal: one line, in which each such character is U+FFFD.
 * What is no text, number or the like is a question mark: its own way to become text may be anything.
 */
export function printable(value: unknown): string {
  const isThing = typeof value === 'symbol' || Object(value) === value;
  return isThing ? '?' : String(value).replace(unprintable, '\ufffd');
}
