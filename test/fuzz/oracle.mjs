/** What a daemon has to answer to a stream of bytes: docs/protocol.md as a function. */
import { isUtf8 } from 'node:buffer';
import { cutShort, Entries, Invalid, Reader } from './reader.mjs';

/** Section Limits. */
const limits = { size: 65_536, depth: 8, elements: 64 };
const maxRandomSize = 1_048_576;
const maxId = 2 ** 32 - 1;

/** What the page leaves open, so that nobody may rely on it: it is not sent. */
const undecided = {};

/**
 * One answer.
 * @typedef {object} Expected
 * @property {number} id
 * @property {number} size bytes of `random`; 0: no success of `random`
 * @property {string} method whose result is a success; '' for none and for `random`
 * @property {readonly string[]} codes of errors that may come instead
 */

const random = (id, size, codes) => ({ id, size, method: '', codes });
const success = (id, method, codes) => ({ id, size: 0, method, codes });
const failure = (id, codes) => ({ id, size: 0, method: '', codes });

const none = [];
const badLength = ['ERR_LENGTH'];
const badParams = ['ERR_PARAMS'];
const noMethod = ['ERR_METHOD'];
const noMessage = ['ERR_MESSAGE'];
/** The host may have no source that prediction resistance can be had from. */
const noEntropy = ['ERR_ENTROPY'];
/** Whether the fuzz is an administrator depends on the addon. */
const forbidden = ['ERR_FORBIDDEN'];

const plainMethods = new Set(['health', 'status', 'version', 'metrics']);
const adminMethods = new Set(['selftest', 'reseed']);

/** To a message that the end of the client's side cuts short. */
export const cutShortAnswer = failure(0, noMessage);

const reader = new Reader(limits);

/**
 * Judges a connection's bytes, from its first one on.
 * @returns `expected`: the answers; `due`: for each of them the bytes after which it is certain;
 *   `frames`: messages that count; `size`: bytes that they take; `end`: `whole`, `partial` (a message
 *   is still arriving) or `invalid` (the connection ends behind the last answer)
 */
export function judge(bytes) {
  const expected = [];
  const due = [];
  let frames = 0;
  let size = 0;
  let end = 'whole';
  const note = (answer) => {
    size = reader.at;
    frames++;
    if (answer === undefined) return;
    expected.push(answer);
    due.push(size);
  };
  try {
    while (size < bytes.length) note(message(bytes, size));
  } catch (error) {
    if (error === cutShort) {
      end = 'partial';
      size = bytes.length;
    } else if (error instanceof Invalid) {
      end = 'invalid';
      note(failure(0, [error.code]));
    } else if (error !== undecided) throw error;
  }
  return { expected, due, frames, size, end };
}

/** The answer to the message at `at`; undefined for a notification. */
function message(bytes, at) {
  const first = bytes[at];
  if ((first & 0xf0) !== 0x90 && first !== 0xdc && first !== 0xdd) {
    reader.at = at + 1;
    throw new Invalid('ERR_MESSAGE', 'no array');
  }
  const value = reader.read(bytes, at, bytes.length);
  if (value.some(hasOpenKey)) throw undecided;
  const [type, id, method, params] = value;
  if (type === 2 && value.length === 3) return undefined;
  if (
    type !== 0 ||
    value.length !== 4 ||
    !isInteger(id, 0, maxId) ||
    !(typeof method === 'string' || (Buffer.isBuffer(method) && isUtf8(method))) ||
    !Array.isArray(params)
  )
    throw new Invalid('ERR_MESSAGE', 'shape');
  return request(id, typeof method === 'string' ? method : method.latin1Slice(), params);
}

/** The page does not say what becomes of a key that is a bin, an array or a map. */
function hasOpenKey(value) {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return false;
  if (Array.isArray(value)) return value.some(hasOpenKey);
  return value.list.some(
    ([key, member]) => (typeof key === 'object' && key !== null) || hasOpenKey(member),
  );
}

function isInteger(value, low, high) {
  return Number.isInteger(value) && value >= low && value <= high;
}

function request(id, method, params) {
  if (method === 'random') return randomRequest(id, params);
  // Never with a source that there is.
  if (method === 'noise') return failure(id, [...badParams, ...badLength, ...forbidden]);
  const admin = adminMethods.has(method);
  if (!admin && !plainMethods.has(method)) return failure(id, noMethod);
  if (params.length > 0) return failure(id, admin ? [...badParams, ...forbidden] : badParams);
  return success(id, method, admin ? forbidden : none);
}

function randomRequest(id, params) {
  const [size, options] = params;
  const sizeIsBad = !isInteger(size, 1, maxRandomSize);
  const wrong = params.length > 2 || (params.length === 2 && !(options instanceof Entries));
  const entries = params.length === 2 && !wrong ? options.list : none;
  const values = entries
    .filter(([key]) => key === 'predictionResistance')
    .map(([, value]) => value);
  const paramsAreBad =
    wrong || values.length < entries.length || !values.every((value) => typeof value === 'boolean');
  // Which of two faults is told, and which of two entries counts, is open.
  if (sizeIsBad) return failure(id, paramsAreBad ? [...badLength, ...badParams] : badLength);
  if (paramsAreBad && values.length < 2) return failure(id, badParams);
  if (paramsAreBad) return random(id, size, [...badParams, ...noEntropy]);
  return random(id, size, values.includes(true) ? noEntropy : none);
}
