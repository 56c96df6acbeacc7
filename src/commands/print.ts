/** What commands print: text in one piece, or one JSON object in one line. */
import { writingFailed } from '../common/program.js';

/**
 * Prints to standard output, with a line's end.
 * @throws CommandError where it cannot be written, which console.log does not tell
 */
export async function print(text: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      // The event comes beside the callback, and would be thrown.
      process.stdout.once('error', reject);
      process.stdout.write(`${text}\n`, (error) => {
        if (error) return reject(error);
        process.stdout.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw writingFailed(error, undefined);
  }
}

/** Prints a value as JSON, which escapes all control characters. */
export function printJson(value: object): Promise<void> {
  return print(JSON.stringify(value));
}
