/**
 * The socket protocol of docs/protocol.md, as both ends must agree on it: constants, the result of each
 * method, and the fixed layout of `random`, which needs no general codec. Pure.
 */
export type * from './results.js';

/** Version of the protocol, as `version` reports it. */
export const protocolVersion = 1;

/** Largest `random` and `noise`, bytes. */
export const maxRandomSize = 1_048_576;

/** Message types of MessagePack-RPC. */
export const MessageType = { request: 0, response: 1, notification: 2 } as const;

/** A request of any method, as the server decodes it. */
export interface Request {
  /** 0 to 2^32 - 1; the response carries the same. */
  id: number;
  method: string;
  params: unknown[];
}

/** A response, as the client decodes it. */
export interface Response {
  id: number;
  /** nil or `[code, message]`; not checked yet. */
  error: unknown;
  result: unknown;
}

// The fixed layout of `random`. Type bytes: section Formats of the MessagePack specification.

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

/** The first two bytes of a message: array of 4 and the message type. */
const requestStart = (arrayOf4 << 8) | MessageType.request;
const responseStart = (arrayOf4 << 8) | MessageType.response;
/** The method and the array of 1 after it, as two words. */
const randomStart = 0xa6_72_61_6e;
const randomEnd = 0x64_6f_6d_91;
/** nil, and the type of the bin that follows. */
const nilBin8 = (nil << 8) | bin8;
const nilBin16 = (nil << 8) | bin16;
const nilBin32 = (nil << 8) | bin32;

/** Smallest `random` request: array, type, fixint id, method, array, fixint size. */
const minRandomRequestSize = 1 + 1 + 1 + randomMethod.length + 1 + 1;

/** Largest `random` request: array, type, uint32 id, method, array, uint32 size. */
export const maxRandomRequestSize = 1 + 1 + 5 + randomMethod.length + 1 + 5;

/** Bytes past the end of its input that `readRandomRequest` may read. */
export const requestSlack = maxRandomRequestSize - minRandomRequestSize;

/** Smallest header of a response to `random`: array, type, fixint id, nil, bin 8. */
const minResponseHeaderSize = 1 + 1 + 1 + 1 + 2;

/** Largest header of a response to `random`: array, type, uint32 id, nil, bin 32. */
export const maxResponseHeaderSize = 1 + 1 + 5 + 1 + 5;

/**
 * The fields that the `read...` functions below fill in. Callers on the hot path keep one object for
 * all calls: one per call would spend the time in the garbage collector.
 */
export interface RandomFields {
  /** 0 to 2^32 - 1. */
  id: number;
  /** Bytes of random data. */
  size: number;
}

/**
 * Reads `[0, id, "random", [size]]` with a size in range and no options.
 * @param view holds the message from `at` on, up to `end`, and `requestSlack` more readable bytes
 * @param into receives id and size; unchanged if 0 is returned
 * @returns the end of the message; 0 if it is another message, incomplete or out of range, which
 *   the message scanner then judges
 */
export function readRandomRequest(
  view: DataView,
  at: number,
  end: number,
  into: RandomFields,
): number {
  // Whole words: five times as fast as byte by byte. Reading past `end` yields bytes that belong to
  // no message; the check of the end at the bottom rejects the result. Both integers are read in
  // place: a function that returned value and end took twice as long.
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
  into.id = id;
  into.size = size;
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

function writeUint32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = uint32;
  bytes[at + 1] = value >>> 24;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 8;
  bytes[at + 4] = value;
  return at + 5;
}

/** Size of the header that `writeResponseHeader` writes for a response of `size` random bytes. */
export function responseHeaderSize(size: number): number {
  return maxResponseHeaderSize - (size <= 0xff ? 3 : size <= 0xffff ? 2 : 0);
}

/**
 * Writes `[1, id, nil, bin` up to the random bytes, `size` of which follow.
 * @param view has room for `responseHeaderSize(size)` from `at` on
 * @returns where the random bytes begin
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
 * Reads what `writeResponseHeader` writes, with an id of any width.
 * @param bytes holds the response from `at` on, up to `end`
 * @param into receives id and size; unchanged if 0 is returned
 * @returns where the random bytes begin; 0 if it is another response or the header is incomplete
 */
export function readResponseHeader(
  bytes: Uint8Array,
  at: number,
  end: number,
  into: RandomFields,
): number {
  if (end - at < minResponseHeaderSize) return 0;
  if (bytes[at] !== arrayOf4 || bytes[at + 1] !== MessageType.response) return 0;
  let next = at + 3;
  let id = bytes[at + 2] as number;
  if (id > maxFixint) {
    if (id < uint8 || id > uint32) return 0;
    const idEnd = next + (1 << (id - uint8));
    id = 0;
    while (next < idEnd) id = id * 256 + (bytes[next++] as number);
  }
  if (bytes[next] !== nil) return 0;
  const kind = bytes[next + 1] as number;
  if (kind < bin8 || kind > bin32) return 0;
  next += 2;
  const bodyStart = next + (1 << (kind - bin8));
  if (bodyStart > end) return 0;
  let size = 0;
  while (next < bodyStart) size = size * 256 + (bytes[next++] as number);
  into.id = id;
  into.size = size;
  return next;
}
