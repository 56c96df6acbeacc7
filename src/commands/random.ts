/** `entropyctl random`: random bytes on standard output or into a file, in any of the formats. */
import { isatty } from 'node:tty';
import type { Client, RandomOptions } from '../client/client.js';
import { UsageError } from '../common/program.js';
import { maxRandomSize } from '../rpc/protocol.js';
import { requestChunks } from './chunks.js';
import { printJson } from './print.js';
import { showProgress } from './progress.js';
import { type FormatName, formats, type OutputFormat } from './random-formats.js';
import { asking, type SessionOptions } from './session.js';
import { type Write, writing } from './writing.js';

export interface RandomCommandOptions extends SessionOptions {
  format?: FormatName;
  predictionResistance?: boolean;
  /** A file instead of standard output. */
  output?: string;
}

const standardOutput = 1;

/** Of gen-random: all its lengths. */
const clientOptions = { dialect: 'hwc' } as const;

/** Prints `size` bytes; holds no more of them in memory than are under way. */
export async function random(size: number, options: RandomCommandOptions): Promise<void> {
  const { output, json = false, predictionResistance = false } = options;
  const inJson = json && output === undefined;
  const text = inJson || (output === undefined && isatty(standardOutput));
  const name = options.format ?? (text ? 'hex' : 'raw');
  const format: OutputFormat = formats[name];
  format.check(size);
  const request = { predictionResistance };
  if (inJson) {
    checkJson(name, size);
    const data = await asking(
      options,
      (client) => dataOf(client, format, size, request),
      clientOptions,
    );
    await printJson({ format: name, size, data });
    return;
  }
  await writing(output, (write) =>
    asking(
      options,
      async (client) => {
        if (format.answer === undefined) await writeChunks(write, client, format, size, request);
        else await write(await format.answer(client, size, request));
        await write(format.end);
      },
      clientOptions,
    ),
  );
  if (json) await printJson({ format: name, size, output });
}

function checkJson(name: FormatName, size: number): void {
  if (name === 'raw')
    throw new UsageError('--json: raw bytes are no text; take another --format, or --output FILE');
  if (size > maxRandomSize)
    throw new UsageError(`--json: N is at most 1M without --output FILE: ${size}`);
}

async function dataOf(
  client: Client,
  format: OutputFormat,
  size: number,
  options: RandomOptions,
): Promise<unknown> {
  const text =
    (await format.answer?.(client, size, options)) ??
    format.encode(await client.random(size, options)).toString();
  return format.json?.(text) ?? text;
}

async function writeChunks(
  write: Write,
  client: Client,
  format: OutputFormat,
  size: number,
  options: RandomOptions,
): Promise<void> {
  const progress = await showProgress(size);
  try {
    for await (const chunk of requestChunks(client, size, options)) {
      await write(format.encode(chunk));
      progress.advance(chunk.length);
    }
  } finally {
    progress.stop();
  }
}
