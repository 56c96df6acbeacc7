/** Options of the client library's methods, and their checks. */
import type { Dialect } from '../apis/huawei-kms/format.js';
import { EntropyError } from '../common/errors.js';

export interface ClientOptions {
  /**
   * Path of the daemon's socket. Default: `ENTROPYD_SOCKET`, /run/entropyd/entropyd.sock if it
   * exists, or entropyd/entropyd.sock in `XDG_RUNTIME_DIR`.
   */
  socketPath?: string;
  /** Time for each call, milliseconds above 0; default 5000. */
  timeoutMs?: number;
  /** Ends every call of this client. */
  signal?: AbortSignal;
  /**
   * XOR the daemon's bytes with bytes of this process's own generator, so that a compromised or
   * impersonated daemon cannot predict what `random` returns. Default true.
   */
  mixLocal?: boolean;
  /**
   * Whether an array of `random` can be wiped: filled with zeros, nothing is left of it. V8 keeps an
   * array of up to 64 bytes on its own heap, where the collector moves it and leaves copies behind;
   * memory outside costs each such call the better part of a microsecond. Larger arrays can be wiped in
   * any case. Default false.
   */
  wipeable?: boolean;
  /** The cloud whose lengths `genRandom` accepts; default `otc`. */
  dialect?: Dialect;
  /** Most calls in flight, 1 or more; default 65,536. The next one is rejected with `ERR_BUSY`. */
  maxPending?: number;
  /**
   * When queued calls are sent: together at the end of the current tick (default), or of the current
   * turn of the event loop. `turn` suits servers, whose requests each have a tick of their own; a
   * program that makes one call at a time only waits longer.
   */
  coalesce?: 'tick' | 'turn';
}

export interface CallOptions {
  /** Milliseconds above 0; default: the client's. */
  timeoutMs?: number;
  /** Ends the call. */
  signal?: AbortSignal;
}

export interface RandomOptions extends CallOptions {
  /**
   * Reseed from noise that is read after the call, for which the daemon waits up to 4 s; never falls
   * back to less. Default false.
   */
  predictionResistance?: boolean;
}

/** `timeoutMs` applies to each chunk; `signal` destroys the stream. */
export interface StreamOptions extends RandomOptions {
  /** Total size in bytes, 1 to 2^53 - 1; default: endless. */
  size?: number;
  /** Bytes per request, 1 to 1,048,576; default 65,536. */
  chunkSize?: number;
}

/** Fills all of an array of at most `maxRandomSize` bytes with random bytes, or rejects. */
export type Fill = (target: Uint8Array) => Promise<unknown>;

const defaultTimeoutMs = 5_000;

/** Calls in flight: enough for a burst, and an end to a loop that never awaits. */
const defaultMaxPending = 65_536;

/** A fault in an argument. */
function fault(name: string, wanted: string): EntropyError {
  return new EntropyError('ERR_PARAMS', `${name}: want ${wanted}`);
}

const wantedTime = 'a number of milliseconds above 0';
const isTime = (value: unknown) => typeof value === 'number' && value > 0;

/**
 * @returns `timeoutMs`
 * @throws EntropyError `ERR_PARAMS` unless it is above 0
 */
export function checkedTimeout(timeoutMs: number): number {
  if (isTime(timeoutMs)) return timeoutMs;
  throw fault('timeoutMs', wantedTime);
}

/**
 * Refuses options that do not exist: a misspelt one would silently be its default.
 * @param of the function that takes them, for the message
 * @param names of those that exist
 * @throws EntropyError `ERR_PARAMS`
 */
export function checkedNames(of: string, options: object, names: object): void {
  if (typeof options !== 'object' || options === null) throw fault(of, 'an object of options');
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return;
  const known = Object.keys(names).join(', ');
  throw new EntropyError('ERR_PARAMS', `${of}: unknown option ${unknown}; there are ${known}`);
}

/** Whether a value is an option of its kind, and what is wanted. */
type Check = readonly [fits: (value: unknown) => boolean, wanted: string];

const isFlag: Check = [(value) => typeof value === 'boolean', 'true or false'];

/** One of a few words. */
const oneOf = (...words: readonly string[]): Check => [
  (value) => words.includes(value as string),
  words.map((word) => `'${word}'`).join(' or '),
];

const checks: Readonly<Record<keyof ClientOptions, Check>> = {
  socketPath: [(value) => typeof value === 'string', 'a path'],
  timeoutMs: [isTime, wantedTime],
  signal: [(value) => value instanceof AbortSignal, 'an AbortSignal'],
  mixLocal: isFlag,
  wipeable: isFlag,
  dialect: oneOf('otc', 'hwc'),
  maxPending: [(value) => Number.isInteger(value) && (value as number) >= 1, '1 call or more'],
  coalesce: oneOf('tick', 'turn'),
};

/**
 * The options of a client, with the defaults of those that are left out or undefined.
 * @throws EntropyError `ERR_PARAMS` for one that does not exist, or that is not of its kind
 */
export function checkedOptions(options: ClientOptions) {
  checkedNames('connect', options, checks);
  for (const [name, value] of Object.entries(options)) {
    const [fits, wanted] = checks[name as keyof ClientOptions];
    if (value !== undefined && !fits(value)) throw fault(name, wanted);
  }
  return {
    socketPath: options.socketPath,
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    mixLocal: options.mixLocal ?? true,
    wipeable: options.wipeable ?? false,
    dialect: options.dialect ?? 'otc',
    maxPending: options.maxPending ?? defaultMaxPending,
    coalesce: options.coalesce ?? 'tick',
  };
}

/**
 * @param name of the option, for the message
 * @returns `size`
 * @throws EntropyError `ERR_LENGTH` unless it is an integer from 1 to `max`
 */
export function checkedSize(name: string, size: number, max: number): number {
  if (Number.isInteger(size) && size >= 1 && size <= max) return size;
  throw new EntropyError('ERR_LENGTH', `${name}: want an integer of 1 to ${max} bytes`);
}
