/** Compares the bytes that a daemon sends with what the oracle expects, as they arrive. */
import type { Expected } from './oracle.js';
import { cutShort, Entries, Reader, type Value } from './reader.js';

/**
 * Limits of an answer. `random` has 1,048,589 bytes at most, `status` and `metrics` have a few
 * thousand.
 */
const limits = { size: 4 * 2 ** 20, depth: 8, elements: 4096 };

/** Members that a method's result must have (docs/protocol.md, Methods); it may have more. */
const members: Readonly<Record<string, readonly string[]>> = {
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
 * An answer of at least this size that ends in so many zeros was never filled: by chance that
 * happens in one of 2^128 answers.
 */
const zerosSize = 16;
const zeros = Buffer.alloc(zerosSize);

/** Longest text of an answer in an error message, characters. */
const maxShown = 300;

/**
 * Splits a stream into MessagePack values. A large value is put together once, when all of it is
 * there.
 */
export class Splitter {
  readonly #reader = new Reader(limits);
  readonly #onValue: (value: Value, bytes: Buffer) => void;
  #parts: Buffer[] = [];
  #size = 0;
  #need = 1;

  /** @param onValue called with each value and its bytes, which are a view of the chunks */
  constructor(onValue: (value: Value, bytes: Buffer) => void) {
    this.#onValue = onValue;
  }

  /** Bytes of a value that is not complete yet. */
  get left(): number {
    return this.#size;
  }

  /** @throws Invalid if the bytes are not MessagePack of the kind that a daemon sends */
  push(chunk: Buffer): void {
    this.#parts.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#need) return;
    const bytes = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts);
    let at = 0;
    this.#need = 1;
    while (at < bytes.length) {
      const from = at;
      let value: Value;
      try {
        value = this.#reader.read(bytes, at);
      } catch (error) {
        if (error !== cutShort) throw error;
        this.#need = this.#reader.need - at;
        break;
      }
      at = this.#reader.at;
      this.#onValue(value, bytes.subarray(from, at));
    }
    this.#parts = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#size = bytes.length - at;
  }
}

/** The code of an answer that {@link fault} accepts; undefined for a success. */
export function codeOf(answer: Value): string | undefined {
  const error = (answer as Value[])[2];
  return Array.isArray(error) ? String(error[0]) : undefined;
}

/** @returns what is wrong with an answer; undefined if nothing is */
export function fault(expected: Expected | undefined, answer: Value): string | undefined {
  if (expected === undefined) return 'it is one too many';
  if (!Array.isArray(answer) || answer.length !== 4 || answer[0] !== 1)
    return 'want [1, msgid, error, result]';
  const [, id, error, result = null] = answer;
  if (id !== expected.id) return `want msgid ${expected.id}`;
  if (error !== null) {
    if (result !== null) return 'want no result beside an error';
    if (!Array.isArray(error) || error.length !== 2 || !error.every((e) => typeof e === 'string'))
      return 'want [code, message]';
    return expected.codes.includes(String(error[0])) ? undefined : `want ${wanted(expected)}`;
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

function isResult(method: string, result: Value): boolean {
  if (method === 'metrics') return typeof result === 'string' && result.startsWith('# HELP');
  const wantedMembers = members[method];
  if (wantedMembers === undefined || !(result instanceof Entries)) return false;
  const keys = new Set(result.list.map(([key]) => key));
  return wantedMembers.every((member) => keys.has(member));
}

function wanted({ size, method, codes }: Expected): string {
  const success = size > 0 ? `${size} bytes` : method;
  return [success, ...codes].filter((each) => each !== '').join(' or ');
}

/** An answer as text, without its random bytes. */
export function shown(answer: Value): string {
  const text = JSON.stringify(answer, (_, value) => {
    if (typeof value === 'bigint') return `${value}`;
    if (value instanceof Entries) return Object.fromEntries(value.list);
    return value?.type === 'Buffer' ? `${value.data.length} bytes` : value;
  });
  return text.length > maxShown ? `${text.slice(0, maxShown)}...` : text;
}
