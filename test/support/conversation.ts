/** A program that answers each line of its standard input with a line of its standard output. */
import { createInterface } from 'node:readline';
import type { Program } from './program.js';

export class Conversation {
  readonly program: Program;
  readonly #lines: AsyncIterator<string>;

  /** @param program whose standard input and output are pipes */
  constructor(program: Program) {
    this.program = program;
    const input = program.child.stdout as NodeJS.ReadableStream;
    this.#lines = createInterface({ input })[Symbol.asyncIterator]();
  }

  /**
   * Resolves with the answer to a line.
   * @throws Error if the program ends instead
   */
  async say(line: string): Promise<string> {
    this.program.child.stdin?.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (!done) return value.trimEnd();
    const { status, signal, stderr } = await this.program.ended;
    throw new Error(`${line}: ended with ${status ?? signal}: ${stderr}`);
  }

  /** Ends its input, and resolves when it has ended. */
  async end(): Promise<{ status: number | null; stderr: string }> {
    this.program.child.stdin?.end();
    return this.program.ended;
  }
}
