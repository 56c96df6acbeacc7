/** What a daemon must answer to a stream of bytes: docs/protocol.md as a function. */
import { isUtf8 } from 'node:buffer';
import { cutShort, Entries, Invalid, Reader, type Value } from './reader.js';

/** docs/protocol.md, Limits. */
const limits = { size: 65_536, depth: 8, elements: 64 };
const maxRandomSize = 1_048_576;
const maxId = 2 ** 32 - 1;

/** Thrown at what docs/protocol.md leaves open: such bytes are not sent. */
const undecided = {};

/** One answer. */
export interface Expected {
  readonly id: number;
  /** Bytes of `random`; 0: the answer is not a success of `random`. */
  readonly size: number;
  /** The method whose result is a success; '' for none and for `random`. */
  readonly method: string;
  /** Errors that may come instead. */
  readonly codes: readonly string[];
}

export interface Verdict {
  expected: Expected[];
  /** For each answer, the number of bytes after which it is certain. */
  due: number[];
  /** Messages that count. */
  frames: number;
  /** Bytes of those messages. */
  size: number;
  /** `partial`: a message is still arriving; `invalid`: the daemon closes after the last answer. */
  end: 'whole' | 'partial' | 'invalid';
}

type Codes = readonly string[];
const random = (id: number, size: number, codes: Codes) => ({ id, size, method: '', codes });
const success = (id: number, method: string, codes: Codes) => ({ id, size: 0, method, codes });
const failure = (id: number, codes: Codes) => ({ id, size: 0, method: '', codes });

const badLength = ['ERR_LENGTH'];
const badParams = ['ERR_PARAMS'];
const noMethod = ['ERR_METHOD'];
const noMessage = ['ERR_MESSAGE'];
/** The host may have no source that can serve prediction resistance. */
const noEntropy = ['ERR_ENTROPY'];
/** The fuzz is an administrator only if the daemon has its addon. */
const forbidden = ['ERR_FORBIDDEN'];

const plainMethods = new Set(['health', 'status', 'version', 'metrics']);
const adminMethods = new Set(['selftest', 'reseed']);

/** The answer to a message that the client's half-close cuts short. */
export const cutShortAnswer: Expected = failure(0, noMessage);

/** Judges a connection's bytes, from the first one on. */
export function judge(bytes: Buffer): Verdict {
  const reader = new Reader(limits);
  const verdict: Verdict = { expected: [], due: [], frames: 0, size: 0, end: 'whole' };
  const note = (answer: Expected | undefined) => {
    verdict.size = reader.at;
    verdict.frames++;
    if (answer === undefined) return;
    verdict.expected.push(answer);
    verdict.due.push(verdict.size);
  };
  try {
    while (verdict.size < bytes.length) note(answerAt(reader, bytes, verdict.size));
  } catch (error) {
    if (error === cutShort) {
      verdict.end = 'partial';
      verdict.size = bytes.length;
    } else if (error instanceof Invalid) {
      verdict.end = 'invalid';
      note(failure(0, [error.code]));
    } else if (error !== undecided) throw error;
  }
  return verdict;
}

/** The answer to the message at `at`; undefined for a notification. */
function answerAt(reader: Reader, bytes: Buffer, at: number): Expected | undefined {
  const first = bytes.readUInt8(at);
  if ((first & 0xf0) !== 0x90 && first !== 0xdc && first !== 0xdd) {
    reader.at = at + 1;
    throw new Invalid('ERR_MESSAGE', 'no array');
  }
  const message = reader.read(bytes, at) as Value[];
  if (message.some(hasOpenKey)) throw undecided;
  const [type, id, method, params] = message;
  if (type === 2 && message.length === 3) return undefined;
  if (
    type !== 0 ||
    message.length !== 4 ||
    !isInteger(id, 0, maxId) ||
    !(typeof method === 'string' || (Buffer.isBuffer(method) && isUtf8(method))) ||
    !Array.isArray(params)
  )
    throw new Invalid('ERR_MESSAGE', 'shape');
  return answerTo(id, typeof method === 'string' ? method : method.toString('latin1'), params);
}

/** docs/protocol.md does not say what happens to a key that is a bin, an array or a map. */
function hasOpenKey(value: Value): boolean {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return false;
  if (Array.isArray(value)) return value.some(hasOpenKey);
  return value.list.some(
    ([key, member]) => (typeof key === 'object' && key !== null) || hasOpenKey(member),
  );
}

function isInteger(value: unknown, low: number, high: number): value is number {
  return Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
}

function answerTo(id: number, method: string, params: readonly Value[]): Expected {
  if (method === 'random') return answerToRandom(id, params);
  // The fuzz never names a source that exists.
  if (method === 'noise') return failure(id, [...badParams, ...badLength, ...forbidden]);
  const admin = adminMethods.has(method);
  if (!admin && !plainMethods.has(method)) return failure(id, noMethod);
  if (params.length > 0) return failure(id, admin ? [...badParams, ...forbidden] : badParams);
  return success(id, method, admin ? forbidden : []);
}

function answerToRandom(id: number, params: readonly Value[]): Expected {
  const [size, options] = params;
  const wrong = params.length > 2 || (params.length === 2 && !(options instanceof Entries));
  const entries = options instanceof Entries && !wrong ? options.list : [];
  const values = entries
    .filter(([key]) => key === 'predictionResistance')
    .map(([, value]) => value);
  const paramsAreBad =
    wrong || values.length < entries.length || !values.every((value) => typeof value === 'boolean');
  // Left open: which of two faults is reported, and which of two entries with one key counts.
  if (!isInteger(size, 1, maxRandomSize))
    return failure(id, paramsAreBad ? [...badLength, ...badParams] : badLength);
  if (paramsAreBad && values.length < 2) return failure(id, badParams);
  if (paramsAreBad) return random(id, size, [...badParams, ...noEntropy]);
  return random(id, size, values.includes(true) ? noEntropy : []);
}
