/** Holds the bytes that a daemon sends against what the oracle expects, as they come. */
import { cutShort, Entries, Reader } from './reader.mjs';

/** Of an answer; `random` has 1,048,589 bytes at most, `status` and `metrics` some thousands. */
const limits = { size: 4 * 2 ** 20, depth: 8, elements: 4096 };

/** Members that a method's result has at least (docs/protocol.md, Methods). */
const members = {
  health: ['state', 'healthy', 'reason', 'sources'],
  status: [
    'state',
    'healthy',
    'reason',
    'sources',
    'reseeds',
    'version',
    'pid',
    'requests',
    'errors',
  ],
  version: ['name', 'version', 'protocol'],
  selftest: ['passed', 'state', 'reason', 'sources'],
  reseed: ['state', 'reason', 'reseeds'],
};

/**
 * From this size on, an answer that ends in zeros was never filled. By chance it happens once in
 * 2^128 answers.
 */
const zerosSize = 16;
const zeros = Buffer.alloc(zerosSize);

/** Cuts a stream into MessagePack values; a large one is put together once, when it is all there. */
export class Splitter {
  #reader = new Reader(limits);
  #onValue;
  #parts = [];
  #size = 0;
  #need = 1;

  /** @param onValue called with each value and its bytes */
  constructor(onValue) {
    this.#onValue = onValue;
  }

  /** Bytes of a value that is not whole yet. */
  get left() {
    return this.#size;
  }

  /** @throws Invalid where the bytes are no MessagePack of the kind that a daemon sends */
  push(chunk) {
    this.#parts.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#need) return;
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    let at = 0;
    this.#need = 1;
    while (at < bytes.length) {
      const from = at;
      let value;
      try {
        value = this.#reader.read(bytes, at, bytes.length);
      } catch (error) {
        if (error !== cutShort) throw error;
        this.#need = cutShort.need - at;
        break;
      }
      at = this.#reader.at;
      this.#onValue(value, bytes.subarray(from, at));
    }
    this.#parts = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#size = bytes.length - at;
  }
}

/** What is wrong with an answer; undefined: nothing. */
export function fault(expected, answer) {
  if (expected === undefined) return 'it is one too many';
  if (!Array.isArray(answer) || answer.length !== 4 || answer[0] !== 1)
    return 'want [1, msgid, error, result]';
  const [, id, error, result] = answer;
  if (id !== expected.id) return `want msgid ${expected.id}`;
  if (error !== null) {
    if (result !== null) return 'want no result beside an error';
    if (!Array.isArray(error) || error.length !== 2 || !error.every((e) => typeof e === 'string'))
      return 'want [code, message]';
    return expected.codes.includes(error[0]) ? undefined : `want ${wanted(expected)}`;
  }
  if (expected.size > 0) {
    if (!Buffer.isBuffer(result) || result.length !== expected.size)
      return `want ${wanted(expected)}`;
    const filled =
      result.length < zerosSize || !result.subarray(result.length - zerosSize).equals(zeros);
    return filled ? undefined : 'want random bytes, not zeros';
  }
  return isResult(expected.method, result) ? undefined : `want ${wanted(expected)}`;
}

function isResult(method, result) {
  if (method === 'metrics') return typeof result === 'string' && result.startsWith('# HELP');
  const wantedMembers = members[method];
  if (wantedMembers === undefined || !(result instanceof Entries)) return false;
  const keys = new Set(result.list.map(([key]) => key));
  return wantedMembers.every((member) => keys.has(member));
}

function wanted({ size, method, codes }) {
  const success = size > 0 ? `${size} bytes` : method;
  return [success, ...codes].filter((each) => each !== '').join(' or ');
}

/** An answer, for people; no more than a few bytes of random ones. */
export function shown(answer) {
  const text = JSON.stringify(answer, (_, value) => {
    if (typeof value === 'bigint') return `${value}`;
    if (value instanceof Entries) return Object.fromEntries(value.list);
    return value?.type === 'Buffer' ? `${value.data.length} bytes` : value;
  });
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}
