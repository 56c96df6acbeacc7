/** `entropyctl random`: random bytes on standard output or into a file, in any of the formats. */
import { isatty } from 'node:tty';
import type { Client, RandomOptions } from '../client/client.js';
import { encodeUuid, uuidSize } from '../client/random-values.js';
import { UsageError } from '../common/program.js';
import { maxRandomSize } from '../rpc/protocol.js';
import { type Write, writing } from './output.js';
import { asking, printJson, type SessionOptions } from './session.js';

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

// The formats that `entropyctl random` prints: what sizes each takes, and how bytes become text.

export interface OutputFormat {
  /** @throws UsageError where the format has no form for this size */
  check(size: number): void;
  /** One chunk, a multiple of 48 bytes unless it is the last; pieces are printed end to end. */
  encode(bytes: Uint8Array): string | Uint8Array;
  /** Printed at the end. */
  end: string;
  /** Instead of chunks: the answer of a KMS API, as that API would give it. */
  answer?(client: Client, size: number, options: RandomOptions): Promise<string>;
  /** The text as a value for JSON, where it is no plain string. */
  json?(text: string): unknown;
}

// Both APIs: 1024 bytes at most (gen-random: 8192 bits).
const maxAnswerSize = 1024;

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function encodeUuids(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += uuidSize)
    text += `${encodeUuid(bytes.subarray(at, at + uuidSize))}\n`;
  return text;
}

function checkAnswerSize(size: number): void {
  if (size > maxAnswerSize)
    throw new UsageError(`N: this format takes 1 to ${maxAnswerSize} bytes: ${size}`);
}

const anySize = () => {};

/** By the name that `--format` takes. */
export const formats = {
  raw: { check: anySize, encode: (bytes) => bytes, end: '' },
  hex: { check: anySize, encode: (bytes) => toBuffer(bytes).toString('hex'), end: '\n' },
  base64: { check: anySize, encode: (bytes) => toBuffer(bytes).toString('base64'), end: '\n' },
  uuid: {
    check(size) {
      if (size % uuidSize !== 0)
        throw new UsageError(`N: uuid takes a multiple of 16 bytes: ${size}`);
    },
    encode: encodeUuids,
    end: '',
    json: (text) => text.trimEnd().split('\n'),
  },
  aws: {
    check: checkAnswerSize,
    encode: (bytes) => bytes,
    end: '\n',
    json: (text) => JSON.parse(text),
    async answer(client, size, options) {
      const { Plaintext } = await client.generateRandom({ NumberOfBytes: size }, options);
      return JSON.stringify({ Plaintext: toBuffer(Plaintext).toString('base64') });
    },
  },
  'gen-random': {
    check: checkAnswerSize,
    encode: (bytes) => bytes,
    end: '\n',
    json: (text) => JSON.parse(text),
    async answer(client, size, options) {
      return JSON.stringify(await client.genRandom({ random_data_length: `${8 * size}` }, options));
    },
  },
} satisfies Record<string, OutputFormat>;

export type FormatName = keyof typeof formats;

// Random bytes of any number, chunk after chunk, in a few buffers that are used again.

/** Asked for at a time: a multiple of 3 for base64, of 16 for UUIDs. */
export const chunkSize = 768 * 1024;

/** Requests under way while one chunk is written out. */
const requestsAhead = 3;

/**
 * Requests `size` bytes, some chunks ahead of the one that is used.
 * @returns chunks, each of which may be used until the next is asked for; all are wiped in the end
 */
export async function* requestChunks(
  client: Client,
  size: number,
  options: RandomOptions,
): AsyncGenerator<Uint8Array> {
  const buffers: Uint8Array[] = [];
  const free: Uint8Array[] = [];
  const underWay: { buffer: Uint8Array; filled: Promise<Uint8Array> }[] = [];
  const takeBuffer = () => {
    const buffer = free.pop() ?? new Uint8Array(Math.min(size, chunkSize));
    if (!buffers.includes(buffer)) buffers.push(buffer);
    return buffer;
  };
  try {
    for (let left = size; left > 0 || underWay.length > 0; ) {
      while (left > 0 && underWay.length < requestsAhead) {
        const buffer = takeBuffer();
        const filled = client.randomFill(buffer.subarray(0, Math.min(left, chunkSize)), options);
        // The loop sees a failure in its turn.
        filled.catch(() => {});
        underWay.push({ buffer, filled });
        left -= Math.min(left, chunkSize);
      }
      const { buffer, filled } = underWay.shift() as (typeof underWay)[number];
      yield await filled;
      free.push(buffer);
    }
  } finally {
    // What fails from now on is zero already.
    for (const buffer of buffers) buffer.fill(0);
  }
}

// The progress bar of long work, where somebody looks at a terminal.

/** Made by `showProgress`. */
export interface Progress {
  /** So many bytes more are done. */
  advance(size: number): void;
  /** Gives the terminal back. */
  stop(): void;
}

const mebibyte = 1024 * 1024;

/** Below this it would only flicker. */
const shownFrom = 64 * mebibyte;

const none: Progress = { advance() {}, stop() {} };

/**
 * Shows a bar on standard error if it is a terminal and the work is long.
 * @param size bytes in all
 */
export async function showProgress(size: number): Promise<Progress> {
  if (size < shownFrom || !process.stderr.isTTY) return none;
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
  // A signal may end it; the bar has turned the terminal's line wrap off.
  process.once('exit', stop);
  return {
    advance(more) {
      done += more;
      bar.update(Math.floor(done / mebibyte));
    },
    stop,
  };
}
