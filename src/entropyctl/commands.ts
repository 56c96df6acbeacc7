/** `entropyctl selftest` and `entropyctl reseed`: what administrators may ask for. */

import { isatty } from 'node:tty';
import { version as own } from '../common/package.js';
import { UsageError } from '../common/program.js';
import { printable } from '../common/terminal.js';
import { maxRandomSize } from '../rpc/protocol.js';
import { writing } from './output.js';
import { asking, print, printJson, type SessionOptions } from './session.js';

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

// `entropyctl metrics`: the metrics page, also as a file for node_exporter's textfile collector.

export interface MetricsCommandOptions extends SessionOptions {
  /** A file that is replaced as a whole. */
  textfile?: string;
}

/** The collector runs as another user. */
const fileOptions = { mode: 0o644, keepsMode: false };

/** Prints the page, or writes it into the file. */
export async function metrics(options: MetricsCommandOptions): Promise<void> {
  const { textfile, json } = options;
  const page = await asking(options, (client) => client.metrics());
  if (textfile !== undefined) {
    await writing(textfile, (write) => write(page), fileOptions);
    if (json) await printJson({ textfile, size: Buffer.byteLength(page) });
  } else if (json) await printJson({ page });
  else await print(page.trimEnd());
}

// `entropyctl noise`: raw samples of one noise source, for NIST's assessment of SP 800-90B.

export interface NoiseCommandOptions extends SessionOptions {
  /** A file instead of standard output. */
  output?: string;
}

/** A device may take its time for a request. */
const timeoutMs = 60_000;

const standardOutput = 1;

/** Prints `size` raw samples of a byte each; they are no random bytes. */
export async function noise(
  source: string,
  size: number,
  options: NoiseCommandOptions,
): Promise<void> {
  const { output, json = false } = options;
  if (json && output === undefined) {
    if (size > maxRandomSize)
      throw new UsageError(`--json: N is at most 1M without --output FILE: ${size}`);
    const samples = await asking(options, (client) => client.noise(source, size, { timeoutMs }));
    await printJson({ source, size, data: Buffer.from(samples).toString('base64') });
    return;
  }
  if (output === undefined && isatty(standardOutput))
    throw new UsageError('noise: samples are binary; give --output FILE or a pipe');
  await writing(output, (write) =>
    asking(options, async (client) => {
      for (let left = size; left > 0; left -= Math.min(left, maxRandomSize))
        await write(await client.noise(source, Math.min(left, maxRandomSize), { timeoutMs }));
    }),
  );
  if (json) await printJson({ source, size, output });
}

// `entropyctl version`: of this command and of the daemon that it talks to.

/** Prints both. */
export async function version(options: SessionOptions): Promise<void> {
  const daemon = await asking(options, (client) => client.version());
  if (options.json) return printJson({ entropyctl: own, daemon });
  const { name, version: running, protocol } = daemon;
  await print(`entropyctl ${own}\n${printable(`${name} ${running}, protocol ${protocol}`)}`);
}
