/** `entropyctl selftest` and `entropyctl reseed`: what administrators may ask for. */
import { printable } from '../common/terminal.js';
import { print, printJson } from './print.js';
import { asking, type SessionOptions } from './session.js';

const failedExitCode = 1;

/** Runs the health tests; exit code 1 if a source failed. */
export async function selftest(options: SessionOptions): Promise<void> {
  const result = await asking(options, (client) => client.selftest());
  const { passed, state, reason, sources } = result;
  if (options.json) await printJson(result);
  else {
    const there = sources.filter((source) => source.state !== 'absent');
    const lines = there.map(({ name, state }) => `${printable(name)}: ${printable(state)}`);
    lines.push(`${passed ? 'passed' : 'failed'}; ${inWords(state, reason)}`);
    await print(lines.join('\n'));
  }
  if (!passed) process.exitCode = failedExitCode;
}

/** Reseeds now. */
export async function reseed(options: SessionOptions): Promise<void> {
  const result = await asking(options, (client) => client.reseed());
  const { state, reason, reseeds } = result;
  if (options.json) await printJson(result);
  else await print(`${inWords(state, reason)}; seeds since the start: ${printable(reseeds)}`);
}

function inWords(state: string, reason: string): string {
  return printable(state) + (reason === '' ? '' : ` (${printable(reason)})`);
}
