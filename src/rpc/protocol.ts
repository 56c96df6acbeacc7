/** The protocol's constants and its fixed shapes, the request and answer of `random`. Pure. */
import type { DurationCounts } from '../common/histogram.js';
import type { Limits } from '../config/config.js';
import type { GeneratorState, GeneratorStatus } from '../generator/interface.js';

/** Version of the protocol, as `version` answers it. */
export const protocolVersion = 1;

/** Largest `random`, bytes. */
export const maxRandomSize = 1_048_576;

/** Message types of MessagePack-RPC. */
export const MessageType = { request: 0, response: 1, notification: 2 } as const;

/** A request as the server sees it, whatever its method. */
export interface Request {
  /** 0 to 2^32 - 1, sent back as it came. */
  id: number;
  method: string;
  params: unknown[];
}

/** An answer as the client sees it; `error` is nil or `[code, message]`. */
export interface Response {
  id: number;
  error: unknown;
  result: unknown;
}

// MessagePack's type bytes (its specification, section Formats).
const arrayOf1 = 0x91;
const arrayOf4 = 0x94;
const maxFixint = 0x7f;
const nil = 0xc0;
const bin8 = 0xc4;
const bin16 = 0xc5;
const bin32 = 0xc6;
const uint8 = 0xcc;
const uint16 = 0xcd;
const uint32 = 0xce;
/** `random` as a fixstr. */
const randomMethod = [0xa6, 0x72, 0x61, 0x6e, 0x64, 0x6f, 0x6d] as const;

/** Array of 4 and the message type, as the first two bytes of a message. */
const requestStart = (arrayOf4 << 8) | MessageType.request;
const responseStart = (arrayOf4 << 8) | MessageType.response;
/** The method and the array of 1 behind it, as two words. */
const randomStart = 0xa6_72_61_6e;
const randomEnd = 0x64_6f_6d_91;
/** nil and the type of the answer's bytes. */
const nilBin8 = (nil << 8) | bin8;
const nilBin16 = (nil << 8) | bin16;
const nilBin32 = (nil << 8) | bin32;

/** Smallest size of a `random` request: array, type, fixint id, method, array, fixint size. */
const minRandomRequestSize = 1 + 1 + 1 + randomMethod.length + 1 + 1;

/** Largest size of a `random` request: array, type, uint32 id, method, array, uint32 size. */
export const maxRandomRequestSize = 1 + 1 + 5 + randomMethod.length + 1 + 5;

/** Bytes behind the end of its input that `readRandomRequest` may look at. */
export const requestSlack = maxRandomRequestSize - minRandomRequestSize;

/** Smallest size of what stands before the bytes of an answer: array, type, fixint id, nil, bin 8. */
const minResponseHeaderSize = 1 + 1 + 1 + 1 + 2;

/** Largest size of what stands before the bytes of an answer: array, type, id, nil, bin 32. */
export const maxResponseHeaderSize = 1 + 1 + 5 + 1 + 5;

/**
 * The last request or header that a `read...` function below understood. One object for all calls:
 * a hot path that made one each time would spend its time in the garbage collector.
 */
export const fixed = { id: 0, size: 0 };

// Where readUint stopped, and what it read; -1 if that is no unsigned integer of up to 32 bits.
let position = 0;

function readUint(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  if (first <= maxFixint) {
    position = at + 1;
    return first;
  }
  switch (first) {
    case uint8:
      position = at + 2;
      return bytes[at + 1] as number;
    case uint16:
      position = at + 3;
      return ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
    case uint32:
      position = at + 5;
      return (
        (((bytes[at + 1] as number) << 24) |
          ((bytes[at + 2] as number) << 16) |
          ((bytes[at + 3] as number) << 8) |
          (bytes[at + 4] as number)) >>>
        0
      );
    default:
      return -1;
  }
}

function writeUint32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = uint32;
  bytes[at + 1] = value >>> 24;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 8;
  bytes[at + 4] = value;
  return at + 5;
}

/**
 * Reads `[0, id, "random", [size]]` with a size in range and no options.
 * @param view holds the message from `at` on, up to `end`, and `requestSlack` readable bytes more
 * @returns the end of the message, with `fixed` filled in; 0 where it is anything else, incomplete
 *   or out of range, which is the scanner's to judge
 */
export function readRandomRequest(view: DataView, at: number, end: number): number {
  // Whole words: five times as fast as byte by byte. Reading past `end` yields bytes of no message,
  // and the check of the end at the bottom refuses the result. The two integers are read in place: a
  // function that gave a value and an end back took twice as long.
  if (end - at < minRandomRequestSize || view.getUint16(at) !== requestStart) return 0;
  let next = at + 3;
  let id = view.getUint8(at + 2);
  if (id > maxFixint) {
    if (id === uint32) {
      id = view.getUint32(next);
      next += 4;
    } else if (id === uint16) {
      id = view.getUint16(next);
      next += 2;
    } else if (id === uint8) id = view.getUint8(next++);
    else return 0;
  }
  if (view.getUint32(next) !== randomStart || view.getUint32(next + 4) !== randomEnd) return 0;
  let size = view.getUint8(next + 8);
  next += 9;
  if (size > maxFixint) {
    if (size === uint32) {
      size = view.getUint32(next);
      next += 4;
    } else if (size === uint16) {
      size = view.getUint16(next);
      next += 2;
    } else if (size === uint8) size = view.getUint8(next++);
    else return 0;
  }
  if (size < 1 || size > maxRandomSize || next > end) return 0;
  fixed.id = id;
  fixed.size = size;
  return next;
}

/**
 * Writes `[0, id, "random", [size]]`.
 * @param bytes has room for `maxRandomRequestSize` from `at` on
 * @returns the end of the message
 */
export function writeRandomRequest(
  bytes: Uint8Array,
  at: number,
  id: number,
  size: number,
): number {
  bytes[at] = arrayOf4;
  bytes[at + 1] = MessageType.request;
  let next = writeUint32(bytes, at + 2, id);
  for (const byte of randomMethod) bytes[next++] = byte;
  bytes[next++] = arrayOf1;
  return writeUint32(bytes, next, size);
}

/** Size of the header that `writeAnswerHeader` writes for an answer of `size` bytes. */
export function responseHeaderSize(size: number): number {
  return maxResponseHeaderSize - (size <= 0xff ? 3 : size <= 0xffff ? 2 : 0);
}

/**
 * Writes `[1, id, nil, bin` up to the answer's bytes, `size` of which follow.
 * @param view has room for `answerHeaderSize(size)` from `at` on
 * @returns where the bytes go
 */
export function writeResponseHeader(view: DataView, at: number, id: number, size: number): number {
  view.setUint16(at, responseStart);
  view.setUint8(at + 2, uint32);
  view.setUint32(at + 3, id);
  if (size <= 0xff) {
    view.setUint16(at + 7, nilBin8);
    view.setUint8(at + 9, size);
    return at + 10;
  }
  if (size <= 0xffff) {
    view.setUint16(at + 7, nilBin16);
    view.setUint16(at + 9, size);
    return at + 11;
  }
  view.setUint16(at + 7, nilBin32);
  view.setUint32(at + 9, size);
  return at + 13;
}

/**
 * Reads what `writeAnswerHeader` writes, with an id of any width.
 * @param bytes holds the answer from `at` on, up to `end`
 * @returns where its bytes begin, with `fixed` filled in; 0 where it is anything else or the header
 *   is incomplete
 */
export function readResponseHeader(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < minResponseHeaderSize) return 0;
  if (bytes[at] !== arrayOf4 || bytes[at + 1] !== MessageType.response) return 0;
  const id = readUint(bytes, at + 2);
  if (id < 0 || bytes[position] !== nil) return 0;
  const kind = bytes[position + 1] as number;
  let next = position + 2;
  let size = 0;
  if (kind < bin8 || kind > bin32) return 0;
  for (let left = 1 << (kind - bin8); left > 0; left--)
    size = size * 256 + (bytes[next++] as number);
  if (next > end) return 0;
  fixed.id = id;
  fixed.size = size;
  return next;
}

/** How long reads took, in buckets; one sample a read of a socket. */
export type ServingTimes = DurationCounts;

/** A change of state or of its reason. */
export interface Transition {
  /** ISO 8601, UTC. */
  time: string;
  state: GeneratorState;
  /** Empty when there is nothing to say. */
  reason: string;
}

/** `status` of the daemon: everything that `health` says, and the counters. */
export interface DaemonStatus extends GeneratorStatus {
  version: string;
  uptimeSeconds: number;
  pid: number;
  node: string;
  openssl: string;
  connections: number;
  connectionsTotal: number;
  requests: number;
  randomBytes: number;
  errors: Record<string, number>;
  serving: ServingTimes;
  /** The last sixteen, oldest first. */
  transitions: Transition[];
  /** Of the configuration. */
  limits: Limits;
}
