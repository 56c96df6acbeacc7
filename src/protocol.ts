/** The protocol's constants and its fixed shapes, the request and answer of `random`. Pure. */

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
export interface Answer {
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

/** Largest size of a `random` request: array, type, uint32 id, method, array, uint32 size. */
export const maxRandomRequestSize = 1 + 1 + 5 + randomMethod.length + 1 + 5;

/** Smallest size of what stands before the bytes of an answer: array, type, fixint id, nil, bin 8. */
const minAnswerHeaderSize = 1 + 1 + 1 + 1 + 2;

/** Largest size of what stands before the bytes of an answer: array, type, id, nil, bin 32. */
export const maxAnswerHeaderSize = 1 + 1 + 5 + 1 + 5;

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
 * @param bytes holds the message from `at` on, up to `end`
 * @returns the end of the message, with `fixed` filled in; 0 where it is anything else, incomplete
 *   or out of range, which is the scanner's to judge
 */
export function readRandomRequest(bytes: Uint8Array, at: number, end: number): number {
  // The shortest form has 12 bytes; reading past `end` yields bytes of no message or undefined,
  // and the check of the end at the bottom refuses the result.
  if (end - at < 5 + randomMethod.length) return 0;
  if (bytes[at] !== arrayOf4 || bytes[at + 1] !== MessageType.request) return 0;
  const id = readUint(bytes, at + 2);
  const p = position;
  if (
    id < 0 ||
    bytes[p] !== randomMethod[0] ||
    bytes[p + 1] !== randomMethod[1] ||
    bytes[p + 2] !== randomMethod[2] ||
    bytes[p + 3] !== randomMethod[3] ||
    bytes[p + 4] !== randomMethod[4] ||
    bytes[p + 5] !== randomMethod[5] ||
    bytes[p + 6] !== randomMethod[6] ||
    bytes[p + 7] !== arrayOf1
  )
    return 0;
  const size = readUint(bytes, p + 8);
  if (size < 1 || size > maxRandomSize || position > end) return 0;
  fixed.id = id;
  fixed.size = size;
  return position;
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
export function answerHeaderSize(size: number): number {
  return maxAnswerHeaderSize - (size <= 0xff ? 3 : size <= 0xffff ? 2 : 0);
}

/**
 * Writes `[1, id, nil, bin` up to the answer's bytes, `size` of which follow.
 * @param bytes has room for `answerHeaderSize(size)` from `at` on
 * @returns where the bytes go
 */
export function writeAnswerHeader(bytes: Uint8Array, at: number, id: number, size: number): number {
  bytes[at] = arrayOf4;
  bytes[at + 1] = MessageType.response;
  const next = writeUint32(bytes, at + 2, id);
  bytes[next] = nil;
  if (size <= 0xff) {
    bytes[next + 1] = bin8;
    bytes[next + 2] = size;
    return next + 3;
  }
  if (size <= 0xffff) {
    bytes[next + 1] = bin16;
    bytes[next + 2] = size >>> 8;
    bytes[next + 3] = size;
    return next + 4;
  }
  writeUint32(bytes, next + 1, size);
  bytes[next + 1] = bin32;
  return next + 6;
}

/**
 * Reads what `writeAnswerHeader` writes, with an id of any width.
 * @param bytes holds the answer from `at` on, up to `end`
 * @returns where its bytes begin, with `fixed` filled in; 0 where it is anything else or the header
 *   is incomplete
 */
export function readAnswerHeader(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < minAnswerHeaderSize) return 0;
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
