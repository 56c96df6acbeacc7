/** `entropyctl noise`: raw samples of one noise source, for NIST's assessment of SP 800-90B. */
import { isatty } from 'node:tty';
import { UsageError } from '../common/program.js';
import { maxRandomSize } from '../rpc/protocol.js';
import { printJson } from './print.js';
import { asking, type SessionOptions } from './session.js';
import { writing } from './writing.js';

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
