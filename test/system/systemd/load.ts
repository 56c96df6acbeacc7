/** Load by processes that ask without a pause until their standard input ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { until } from '../../support/until.js';

/** Longest that a client may live. */
const clientMs = 900_000;

/** What clients saw under load. */
export interface Load {
  answered: number;
  /** Number of failures by code and message. */
  failures: Record<string, number>;
  worstMs: number;
}

/**
 * Runs `action` while clients ask. Each prints a line after its first answer and one with every few more; last,
 * as JSON, its {@link Load}.
 * @param commands each client's program and arguments
 * @param action gets a function that resolves when each client was answered many times since
 */
export async function underLoad(
  commands: readonly (readonly string[])[],
  action: (served: () => Promise<void>) => Promise<void>,
): Promise<Load> {
  const children = commands.map(([program = '', ...args]) =>
    spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], timeout: clientMs }),
  );
  const marks = children.map(() => 0);
  const printed = children.map(async (child, i) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (data: string) => {
      text += data;
      marks[i] = text.split('\n').length;
    });
    await once(child, 'close');
    return text;
  });
  const started = children.map(({ stdout }) => once(stdout, 'data'));
  await Promise.race([Promise.all(started), ...printed.map(noLoad)]);
  const served = async () => {
    const before = marks.map((count) => count);
    const isServed = () => marks.every((count, i) => count > (before[i] ?? 0) + 1);
    await until(isServed, 'answers', { pollMs: 100 });
  };
  await action(served);
  for (const { stdin } of children) stdin.end();
  const all: Load = { answered: 0, failures: {}, worstMs: 0 };
  for (const text of await Promise.all(printed)) {
    const one = JSON.parse(text.trim().split('\n').at(-1) ?? '') as Load;
    all.answered += one.answered;
    all.worstMs = Math.max(all.worstMs, one.worstMs);
    for (const [failure, count] of Object.entries(one.failures))
      all.failures[failure] = (all.failures[failure] ?? 0) + count;
  }
  return all;
}

/** Fails when a client ends before it is told to. */
async function noLoad(printed: Promise<string>): Promise<never> {
  throw new Error(`a client ended: ${await printed}`);
}
