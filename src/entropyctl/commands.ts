/** The short commands: selftest, reseed, metrics and version. */
import { version as ownVersion, type SourceReport } from '../common/package.js';
import { CommandError } from '../common/program.js';
import { stateLine } from '../common/state.js';
import { printable, printablePage } from '../common/terminal.js';
import { withOutput } from './output.js';
import { presentSources } from './reported-status.js';
import { print, printJson, type SessionOptions, withClient } from './session.js';

const failedExitCode = 1;

/** The daemon tests one source after the other, each for 2 s at most. */
const selftestTimeoutMs = 30_000;

/** Runs the health tests; sets exit code 1 if a source failed. */
export async function selftest(options: SessionOptions): Promise<void> {
  const request = { timeoutMs: selftestTimeoutMs };
  const result = await withClient(options, (client) => client.selftest(request));
  const { passed, state, reason } = result;
  if (options.json) await printJson(result);
  else {
    const lines = presentSources(result).map(sourceLine);
    lines.push(`${passed ? 'passed' : 'failed'}; ${stateText(state, reason)}`);
    await print(lines.join('\n'));
  }
  if (!passed) process.exitCode = failedExitCode;
}

/** A source, the state that it is in, and what is wrong with it. */
function sourceLine({ name, state, lastAlarm, lastError }: Partial<SourceReport>): string {
  const fault = state === 'failed' ? lastAlarm : state === 'lost' ? lastError : '';
  return printable(`${name}: ${state}${fault ? ` (${fault})` : ''}`);
}

/** Reseeds the generator. */
export async function reseed(options: SessionOptions): Promise<void> {
  const result = await withClient(options, (client) => client.reseed());
  const { state, reason, reseeds } = result;
  if (options.json) await printJson(result);
  else await print(`${stateText(state, reason)}; seeds since the start: ${printable(reseeds)}`);
}

function stateText(state: string, reason: string): string {
  return stateLine(printable(state), printable(reason));
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
  const page = printablePage(await withClient(options, (client) => client.metrics()));
  if (textfile !== undefined) {
    await withOutput(textfile, (write) => write(page), textfileOptions);
    if (json) await printJson({ textfile, size: Buffer.byteLength(page) });
  } else if (json) await printJson({ page });
  else await print(page.trimEnd());
}

/** Prints the version of this command, and the daemon's if there is one. */
export async function version(options: SessionOptions): Promise<void> {
  const asked = withClient(options, (client) => client.version());
  const daemon = await asked.catch((error: unknown) => {
    if (error instanceof CommandError && error.code === 'ERR_CONNECT') return error;
    throw error;
  });
  if (daemon instanceof CommandError) {
    const { code, message } = daemon;
    if (options.json) await printJson({ entropyctl: ownVersion, error: { code, message } });
    else await print(`entropyctl ${ownVersion}\n${printable(message)}`);
    return;
  }
  if (options.json) return printJson({ entropyctl: ownVersion, daemon });
  const { name, version: running, protocol } = daemon;
  await print(`entropyctl ${ownVersion}\n${printable(`${name} ${running}, protocol ${protocol}`)}`);
}
