/** Runs a built program on a pseudoterminal, pty(7): Python can open one, Node cannot. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { built, environment } from './program.js';
import { until } from './until.js';

const script = fileURLToPath(new URL('terminal.py', import.meta.url));

/** Output to wait for, since the last step; keys; a new size; or something else to do. */
export type Step = RegExp | string | readonly [columns: number, rows: number] | (() => unknown);

export interface TerminalSession {
  /** Everything that the terminal got. */
  text: string;
  /** Exit code; below 0 the signal. */
  status: number;
  /** Whether the terminal's modes are what they were before. */
  restored: boolean;
}

/**
 * @param steps what happens on the terminal, in order; after them the program has to end by itself
 * @throws Error if awaited output does not come, or if the program does not end
 */
export async function onTerminal(
  program: string,
  args: readonly string[],
  steps: readonly Step[] = [],
  { columns = 80, rows = 50, env = {} as NodeJS.ProcessEnv } = {},
): Promise<TerminalSession> {
  const command = [script, `${columns}`, `${rows}`, process.execPath, built(program), ...args];
  const child = spawn('python3', command, {
    env: { ...environment, TERM: 'xterm-256color', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let text = '';
  let end: Pick<TerminalSession, 'status' | 'restored'> | undefined;
  createInterface(child.stdout).on('line', (line) => {
    const value = JSON.parse(line);
    if (typeof value === 'string') text += value;
    else end = value;
  });
  child.stdin.on('error', () => {});
  const closed = once(child, 'close');
  try {
    let from = 0;
    for (const step of steps) {
      if (step instanceof RegExp) {
        await until(() => step.test(text.slice(from)), `${step}`);
        continue;
      }
      from = text.length;
      if (typeof step === 'function') await step();
      else child.stdin.write(`${JSON.stringify(step)}\n`);
    }
    const { status, restored } = await until(() => end, `the end of ${program}`);
    return { text, status, restored };
  } catch (error) {
    throw new Error(`${(error as Error).message}; the terminal got ${JSON.stringify(text)}`);
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}
