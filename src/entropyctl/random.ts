/** `entropyctl random`: streams random bytes to standard output or a file, in one of seven formats. */
import { isatty } from 'node:tty';
import type { Client, GetRandomPasswordInput, RandomOptions } from '../client/client.js';
import { UsageError } from '../common/program.js';
import { maxRandomSize } from '../rpc/protocol.js';
import { type AnswerOptions, type FormatName, formats, type OutputFormat } from './formats.js';
import { type Write, withOutput } from './output.js';
import { printJson, type SessionOptions, withClient } from './session.js';

export interface RandomCommandOptions extends SessionOptions {
  format?: FormatName;
  predictionResistance?: boolean;
  /** Characters that a password must not have. */
  exclude?: string;
  /** Whether a password may have punctuation; default true. */
  punctuation?: boolean;
  /** A file instead of standard output. */
  output?: string;
}

const standardOutputFd = 1;

/**
 * The dialect of gen-random that has all lengths. The timeout applies to each request: three chunks
 * are in flight, and on an overloaded host the last of them may take longer than the client's 5 s.
 */
const clientOptions = { dialect: 'hwc', timeoutMs: 30_000 } as const;

/** Prints `size` random bytes. Memory holds only the chunks in flight. */
export async function random(size: number, options: RandomCommandOptions): Promise<void> {
  const { output, json = false, predictionResistance = false } = options;
  const isJsonData = json && output === undefined;
  const isText = isJsonData || (output === undefined && isatty(standardOutputFd));
  const name = options.format ?? (isText ? 'hex' : 'raw');
  const format: OutputFormat = formats[name];
  format.check(size);
  const request: AnswerOptions = { predictionResistance };
  const password = passwordInput(options);
  if (name === 'password') request.password = password;
  else if (Object.keys(password).length > 0)
    throw new UsageError('--exclude and --no-punctuation are for --format password');
  if (isJsonData) {
    checkJson(name, size);
    const data = await withClient(
      options,
      (client) => jsonData(client, format, size, request),
      clientOptions,
    );
    await printJson({ format: name, size, data });
    return;
  }
  await withOutput(output, (write) =>
    withClient(
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
    throw new UsageError('--json: raw bytes are not text; use another --format or --output FILE');
  if (size > maxRandomSize)
    throw new UsageError(`--json: N is at most 1M without --output FILE: ${size}`);
}

/** What the options say about a password; nothing by default. */
function passwordInput({
  exclude,
  punctuation = true,
}: RandomCommandOptions): GetRandomPasswordInput {
  return {
    ...(exclude !== undefined && { ExcludeCharacters: exclude }),
    ...(!punctuation && { ExcludePunctuation: true }),
  };
}

async function jsonData(
  client: Client,
  format: OutputFormat,
  size: number,
  { password, ...options }: AnswerOptions,
): Promise<unknown> {
  const text =
    (await format.answer?.(client, size, { password, ...options })) ??
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

/** Bytes of a request: a multiple of 3, for base64, and of 16, for UUIDs. */
export const chunkSize = 768 * 1024;

/**
 * The same with prediction resistance: the daemon reads fresh noise for every 64 KiB, and allows 4 s
 * for a request.
 */
const resistantChunkSize = 65_520;

/** Requests in flight while a chunk is written. */
const requestsAhead = 3;

/**
 * Requests `size` bytes, up to three chunks ahead of the one in use.
 * @returns chunks, each valid until the next is taken; all of them share a few buffers, which are wiped
 *   at the end
 */
export async function* requestChunks(
  client: Client,
  size: number,
  options: RandomOptions,
): AsyncGenerator<Uint8Array> {
  const most = options.predictionResistance ? resistantChunkSize : chunkSize;
  const buffers: Uint8Array[] = [];
  const free: Uint8Array[] = [];
  const inFlight: { buffer: Uint8Array; filled: Promise<Uint8Array> }[] = [];
  const takeBuffer = () => {
    const buffer = free.pop() ?? new Uint8Array(Math.min(size, most));
    if (!buffers.includes(buffer)) buffers.push(buffer);
    return buffer;
  };
  try {
    for (let left = size; left > 0 || inFlight.length > 0; ) {
      while (left > 0 && inFlight.length < requestsAhead) {
        const buffer = takeBuffer();
        const filled = client.randomFill(buffer.subarray(0, Math.min(left, most)), options);
        // Not unhandled: the loop awaits it later.
        filled.catch(() => {});
        inFlight.push({ buffer, filled });
        left -= Math.min(left, most);
      }
      const { buffer, filled } = inFlight.shift() as (typeof inFlight)[number];
      yield await filled;
      free.push(buffer);
    }
  } finally {
    // A request that fails after this leaves zeros.
    for (const buffer of buffers) buffer.fill(0);
  }
}

/** A progress bar. */
export interface Progress {
  /** Adds `size` bytes to what is done. */
  advance(size: number): void;
  /** Restores the terminal. */
  stop(): void;
}

const mebibyte = 1024 * 1024;

/** A bar for less work would only flicker. */
const minProgressSize = 64 * mebibyte;

const noProgress: Progress = { advance() {}, stop() {} };

/**
 * Shows a bar on standard error if that is a terminal and the work is long.
 * @param size bytes in all
 */
async function showProgress(size: number): Promise<Progress> {
  if (size < minProgressSize || !process.stderr.isTTY) return noProgress;
  const { SingleBar } = await import('cli-progress');
  const bar = new SingleBar({
    format: '{bar} {percentage} % | {value} of {total} MiB | {eta_formatted}',
  });
  bar.start(Math.ceil(size / mebibyte), 0);
  let done = 0;
  const stop = () => {
    process.off('exit', stop);
    bar.stop();
  };
  // The bar turns off the terminal's line wrap; a signal must not leave it off.
  process.once('exit', stop);
  return {
    advance(more) {
      done += more;
      bar.update(Math.floor(done / mebibyte));
    },
    stop,
  };
}
