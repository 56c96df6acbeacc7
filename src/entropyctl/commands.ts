/** The short commands: selftest, reseed, metrics, noise and version. */
import { isatty } from 'node:tty';
import { version as ownVersion } from '../common/package.js';
import { UsageError } from '../common/program.js';
import { printable } from '../common/terminal.js';
import { maxRandomSize } from '../rpc/protocol.js';
import { withOutput } from './output.js';
import { print, printJson, type SessionOptions, withClient } from './session.js';

const failedExitCode = 1;

/** Runs the health tests; sets exit code 1 if a source failed. */
export async function selftest(options: SessionOptions): Promise<void> {
  const result = await withClient(options, (client) => client.selftest());
  const { passed, state, reason, sources } = result;
  if (options.json) await printJson(result);
  else {
    const present = sources.filter((source) => source.state !== 'absent');
    const lines = present.map(({ name, state }) => `${printable(name)}: ${printable(state)}`);
    lines.push(`${passed ? 'passed' : 'failed'}; ${stateText(state, reason)}`);
    await print(lines.join('\n'));
  }
  if (!passed) process.exitCode = failedExitCode;
}

/** Reseeds the generator. */
export async function reseed(options: SessionOptions): Promise<void> {
  const result = await withClient(options, (client) => client.reseed());
  const { state, reason, reseeds } = result;
  if (options.json) await printJson(result);
  else await print(`${stateText(state, reason)}; seeds since the start: ${printable(reseeds)}`);
}

function stateText(state: string, reason: string): string {
  return printable(state) + (reason === '' ? '' : ` (${printable(reason)})`);
}

export interface MetricsCommandOptions extends SessionOptions {
  /** A file for node_exporter's textfile collector, replaced atomically. */
  textfile?: string;
}

/** Readable by everyone: the collector runs as another user. */
const textfileOptions = { mode: 0o644, keepsMode: false };

/** Prints the metrics page, or writes it to a file. */
export async function metrics(options: MetricsCommandOptions): Promise<void> {
  const { textfile, json } = options;
  const page = await withClient(options, (client) => client.metrics());
  if (textfile !== undefined) {
    await withOutput(textfile, (write) => write(page), textfileOptions);
    if (json) await printJson({ textfile, size: Buffer.byteLength(page) });
  } else if (json) await printJson({ page });
  else await print(page.trimEnd());
}

export interface NoiseCommandOptions extends SessionOptions {
  /** A file instead of standard output. */
  output?: string;
}

/** Longest wait for one request, milliseconds: a device may be slow. */
const noiseTimeoutMs = 60_000;

const standardOutputFd = 1;

/**
 * Writes raw samples of a noise source, for assessment by SP 800-90B. They are not random bytes.
 * @param size samples, one byte each
 */
export async function noise(
  source: string,
  size: number,
  options: NoiseCommandOptions,
): Promise<void> {
  const { output, json = false } = options;
  const request = { timeoutMs: noiseTimeoutMs };
  if (json && output === undefined) {
    if (size > maxRandomSize)
      throw new UsageError(`--json: N is at most 1M without --output FILE: ${size}`);
    const samples = await withClient(options, (client) => client.noise(source, size, request));
    await printJson({ source, size, data: Buffer.from(samples).toString('base64') });
    return;
  }
  if (output === undefined && isatty(standardOutputFd))
    throw new UsageError('noise: samples are binary; use --output FILE or a pipe');
  await withOutput(output, (write) =>
    withClient(options, async (client) => {
      for (let left = size; left > 0; left -= Math.min(left, maxRandomSize))
        await write(await client.noise(source, Math.min(left, maxRandomSize), request));
    }),
  );
  if (json) await printJson({ source, size, output });
}

/** Prints the versions of this command and of the daemon. */
export async function version(options: SessionOptions): Promise<void> {
  const daemon = await withClient(options, (client) => client.version());
  if (options.json) return printJson({ entropyctl: ownVersion, daemon });
  const { name, version: running, protocol } = daemon;
  await print(`entropyctl ${ownVersion}\n${printable(`${name} ${running}, protocol ${protocol}`)}`);
}
