/** Runs a built program on a real terminal (pty(7)), which python3 has and Node has not. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { built, environment } from './program.js';
import { programMs } from './until.js';

const script = fileURLToPath(new URL('terminal.py', import.meta.url));

/** A wait in seconds, keys, or a new size. */
export type Step = number | string | readonly [columns: number, rows: number];

export interface TerminalSession {
  /** All that the terminal got. */
  text: string;
  /** Below 0 the signal; null where it did not end. */
  status: number | null;
  /** Whether the terminal's modes are what they were. */
  restored: boolean;
}

/** @param steps what happens on the terminal; after them the program has 20 s to end */
export async function onTerminal(
  program: string,
  args: readonly string[],
  steps: readonly Step[] = [],
  { columns = 80, rows = 50, env = {} as NodeJS.ProcessEnv } = {},
): Promise<TerminalSession> {
  const { stdout } = await promisify(execFile)(
    'python3',
    [
      script,
      `${columns}`,
      `${rows}`,
      JSON.stringify(steps),
      process.execPath,
      built(program),
      ...args,
    ],
    { env: { ...environment, TERM: 'xterm-256color', ...env }, timeout: 2 * programMs },
  );
  return JSON.parse(stdout);
}
