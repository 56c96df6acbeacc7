/** Where `random` and `noise` print to: standard output or a file, until the reader has enough. */
import { open } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Client, connect } from '../client.js';

export interface OutputOptions {
  socket?: string;
  /** A file instead of standard output. */
  output?: string;
}

/** What a shell reports of a program that SIGPIPE ended; Node ignores the signal itself. */
const brokenPipeExitCode = 128 + 13;

/** Opens the output and a client, lets `print` work, and closes both. */
export async function printTo(
  { socket, output }: OutputOptions,
  print: (out: Writable, client: Client) => Promise<void>,
): Promise<void> {
  const out =
    output === undefined ? process.stdout : (await open(output, 'w', 0o600)).createWriteStream();
  const client = connect({
    dialect: 'hwc',
    ...(socket === undefined ? {} : { socketPath: socket }),
  });
  // Failures come through the writes' callbacks; without a listener the event would be thrown.
  out.on('error', () => {});
  try {
    await print(out, client);
    if (output !== undefined) await finished(out.end());
  } catch (error) {
    // The reader has what it wanted, as in `entropyctl random 1G | head -c 16`.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
    process.exitCode = brokenPipeExitCode;
  } finally {
    if (output !== undefined) out.destroy();
    await client.close();
  }
}

/** Resolves when the stream has passed the data on. */
export function write(out: Writable, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    out.write(data, (error) => (error ? reject(error) : resolve()));
  });
}
