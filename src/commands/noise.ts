/** `entropyctl noise`: raw samples of one noise source, for NIST's assessment of SP 800-90B. */
import { maxRandomSize } from '../protocol.js';
import { type OutputOptions, printTo, write } from './output.js';
import { UsageError } from './run.js';

/** A device may take its time for a request. */
const timeoutMs = 60_000;

/** Prints `size` raw samples of a byte each; they are no random bytes. */
export async function noise(source: string, size: number, options: OutputOptions): Promise<void> {
  if (options.output === undefined && process.stdout.isTTY)
    throw new UsageError('noise: samples are binary; give --output FILE or a pipe');
  await printTo(options, async (out, client) => {
    for (let left = size; left > 0; left -= Math.min(left, maxRandomSize))
      await write(out, await client.noise(source, Math.min(left, maxRandomSize), { timeoutMs }));
  });
}
