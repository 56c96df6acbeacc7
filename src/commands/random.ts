/** `entropyctl random`: random bytes on standard output or into a file, in any of the formats. */
import type { Writable } from 'node:stream';
import type { SingleBar } from 'cli-progress';
import type { Client, RandomOptions } from '../client.js';
import { type OutputOptions, printTo, write } from './output.js';
import { type FormatName, formats, type OutputFormat } from './random-formats.js';
import { UsageError } from './run.js';

export interface RandomCommandOptions extends OutputOptions {
  format?: FormatName;
  predictionResistance?: boolean;
}

const mebibyte = 1024 * 1024;

/** Asked for at a time: a multiple of 3 for base64, of 16 for UUIDs. */
const chunkSize = (3 * mebibyte) / 4;

/** Requests under way while one chunk is written out. */
const requestsAhead = 3;

/** Below this a progress bar would only flicker. */
const progressFrom = 64 * mebibyte;

/**
 * Reads a number of bytes: digits and K, M or G for powers of 1024.
 * @throws UsageError
 */
export function parseSize(text: string): number {
  const [, digits, unit] = /^(\d{1,15})([KMG]?)$/.exec(text) ?? [];
  const size = Number(digits) * 1024 ** ['', 'K', 'M', 'G'].indexOf(unit ?? '');
  if (digits === undefined || size < 1 || !Number.isSafeInteger(size))
    throw new UsageError(`N: want a number of bytes from 1 on, such as 32, 4K, 1M or 2G: ${text}`);
  return size;
}

/** Prints `size` bytes; holds no more of them in memory than are under way. */
export async function random(size: number, options: RandomCommandOptions): Promise<void> {
  const { predictionResistance = false } = options;
  const onTerminal = options.output === undefined && process.stdout.isTTY;
  const name = options.format ?? (onTerminal ? 'hex' : 'raw');
  const format: OutputFormat = formats[name];
  format.check(size);
  await printTo(options, async (out, client) => {
    if (format.answer !== undefined)
      await write(out, await format.answer(client, size, { predictionResistance }));
    else await writeChunks(out, format, request(client, size, { predictionResistance }), size);
    await write(out, format.end);
  });
}

/** Requests chunk after chunk, some of them ahead of the one that is being written. */
async function* request(
  client: Client,
  size: number,
  options: RandomOptions,
): AsyncGenerator<Uint8Array> {
  const underWay: Promise<Uint8Array>[] = [];
  for (let left = size; left > 0 || underWay.length > 0; ) {
    while (left > 0 && underWay.length < requestsAhead) {
      const chunk = client.random(Math.min(left, chunkSize), options);
      // The loop sees a failure in its turn.
      chunk.catch(() => {});
      underWay.push(chunk);
      left -= Math.min(left, chunkSize);
    }
    yield (await underWay.shift()) as Uint8Array;
  }
}

async function writeChunks(
  out: Writable,
  format: OutputFormat,
  chunks: AsyncGenerator<Uint8Array>,
  size: number,
): Promise<void> {
  const progress =
    size >= progressFrom && process.stderr.isTTY ? await progressBar(size) : undefined;
  try {
    for await (const chunk of chunks) {
      await write(out, format.encode(chunk));
      chunk.fill(0);
      progress?.increment(chunk.length / mebibyte);
    }
  } finally {
    progress?.stop();
  }
}

async function progressBar(size: number): Promise<SingleBar> {
  const { SingleBar } = await import('cli-progress');
  const bar = new SingleBar({
    format: '{bar} {percentage} % | {value} of {total} MiB | {eta_formatted}',
  });
  bar.start(Math.ceil(size / mebibyte), 0);
  return bar;
}
