/** The formats of `entropyctl random`: which sizes each takes, and how it writes bytes. */
import type { Client, GetRandomPasswordInput, RandomOptions } from '../client/client.js';
import { encodeUuid, uuidSize } from '../client/random-values.js';
import { UsageError } from '../common/program.js';

/** Options of a call, and what else a password must be like. */
export interface AnswerOptions extends RandomOptions {
  password?: GetRandomPasswordInput | undefined;
}

export interface OutputFormat {
  /** @throws UsageError if the format does not take this size */
  check(size: number): void;
  /** Encodes one chunk: a multiple of 48 bytes, unless it is the last. Chunks are printed end to end. */
  encode(bytes: Uint8Array): string | Uint8Array;
  /** Printed after the last chunk. */
  end: string;
  /** Replaces chunks: the response of an API, or a part of it. */
  answer?(client: Client, size: number, options: AnswerOptions): Promise<string>;
  /** The text as a JSON value, if it is not a string. */
  json?(text: string): unknown;
}

/** Most bytes of a response, in both KMS APIs (gen-random: 8192 bits). */
const maxAnswerSize = 1024;

/** Characters of a password, as in AWS Secrets Manager. */
const maxPasswordSize = 4096;

function asBuffer(bytes: Uint8Array): Buffer {
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

/** The formats by the name that `--format` takes. */
export const formats = {
  raw: { check: anySize, encode: (bytes) => bytes, end: '' },
  hex: { check: anySize, encode: (bytes) => asBuffer(bytes).toString('hex'), end: '\n' },
  base64: { check: anySize, encode: (bytes) => asBuffer(bytes).toString('base64'), end: '\n' },
  uuid: {
    check(size) {
      if (size % uuidSize !== 0)
        throw new UsageError(`N: uuid takes a multiple of ${uuidSize} bytes: ${size}`);
    },
    encode: encodeUuids,
    end: '',
    json: (text) => text.trimEnd().split('\n'),
  },
  password: {
    check(size) {
      if (size > maxPasswordSize)
        throw new UsageError(`N: a password has 1 to ${maxPasswordSize} characters: ${size}`);
    },
    encode: (bytes) => bytes,
    end: '\n',
    async answer(client, size, { password, ...options }) {
      const input = { ...password, PasswordLength: size };
      return (await client.getRandomPassword(input, options)).RandomPassword;
    },
  },
  aws: {
    check: checkAnswerSize,
    encode: (bytes) => bytes,
    end: '\n',
    json: (text) => JSON.parse(text),
    async answer(client, size, options) {
      const { Plaintext } = await client.generateRandom({ NumberOfBytes: size }, options);
      return JSON.stringify({ Plaintext: asBuffer(Plaintext).toString('base64') });
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
