/** A picture on a terminal that is drawn over itself, without flicker, and the keys that end it. */
import type { ReadStream, WriteStream } from 'node:tty';

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
const defaultColumns = 80;

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
