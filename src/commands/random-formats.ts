/** The formats that `entropyctl random` prints: what sizes each takes, and how bytes become text. */
import type { Client, RandomOptions } from '../client/client.js';
import { encodeUuid, uuidSize } from '../client/random-values.js';
import { UsageError } from '../common/program.js';

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
