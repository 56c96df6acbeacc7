/** What a command writes: an output that is finished when all went well, and else leaves nothing. */
import { writingFailed } from '../common/program.js';
import { type OutputOptions, openOutput } from './open-output.js';

/** @returns when the data may be used again */
export type Write = (data: string | Uint8Array) => Promise<void>;

/**
 * Opens an output, lets `use` write, and finishes it.
 * @param path and `options` as of `openOutput`
 * @throws CommandError where it cannot be written, and whatever `use` throws
 */
export async function writing(
  path: string | undefined,
  use: (write: Write) => Promise<void>,
  options?: OutputOptions,
): Promise<void> {
  try {
    const output = await openOutput(path, options);
    try {
      await use((data) => output.write(data));
      await output.finish();
    } finally {
      output.discard();
    }
  } catch (error) {
    throw writingFailed(error, path);
  }
}
