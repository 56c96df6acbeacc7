/** Encodes and decodes whole, vetted messages with msgpackr. Loaded on first use. */
import { Packr } from 'msgpackr/pack';
import { EntropyError, type ErrorCode } from '../common/errors.js';
import { MessageType, type Request, type Response } from './protocol.js';

// Plain MessagePack: no record extension and no bundled strings. Binaries are copied, because the
// caller reuses its buffer. Small 64-bit integers, as Go clients send them, become numbers.
const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  bundleStrings: false,
  copyBuffers: true,
  encodeUndefinedAsNil: true,
  int64AsType: 'auto',
});
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const maxId = 2 ** 32 - 1;

function decodeArray(message: Uint8Array): unknown[] {
  let value: unknown;
  try {
    value = packr.unpack(message);
  } catch (error) {
    throw new EntropyError('ERR_MESSAGE', 'not a valid message', { cause: error });
  }
  if (!Array.isArray(value)) throw new EntropyError('ERR_MESSAGE', 'want an array');
  return value;
}

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= maxId;
}

function methodName(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!(value instanceof Uint8Array)) return undefined;
  try {
    return utf8.decode(value);
  } catch {
    return undefined;
  }
}

/**
 * Decodes a client's message.
 * @param message one whole message that the scanner has accepted
 * @returns the request; undefined for a notification, which is accepted and ignored
 * @throws EntropyError `ERR_MESSAGE` if it is neither
 */
export function decodeRequest(message: Uint8Array): Request | undefined {
  const value = decodeArray(message);
  const [type, id, method, params] = value;
  if (type === MessageType.notification && value.length === 3) return undefined;
  const name = methodName(method);
  if (
    type !== MessageType.request ||
    value.length !== 4 ||
    !isId(id) ||
    name === undefined ||
    !Array.isArray(params)
  )
    throw new EntropyError('ERR_MESSAGE', 'want [0, msgid, method, params]');
  return { id, method: name, params };
}

/** Encodes `[0, id, method, params]` into a new buffer, owned by the caller. */
export function encodeRequest(request: Request): Uint8Array {
  return packr.pack([MessageType.request, request.id, request.method, request.params]);
}

/**
 * Decodes a daemon's message.
 * @param message one whole message that the scanner has accepted
 * @throws EntropyError `ERR_MESSAGE` if it is not `[1, msgid, error, result]`
 */
export function decodeResponse(message: Uint8Array): Response {
  const value = decodeArray(message);
  const [type, id, error, result] = value;
  if (type !== MessageType.response || value.length !== 4 || !isId(id))
    throw new EntropyError('ERR_MESSAGE', 'want [1, msgid, error, result]');
  return { id, error, result };
}

/** Encodes `[1, id, nil, result]` into a new buffer, owned by the caller. */
export function encodeResult(id: number, result: unknown): Uint8Array {
  return packr.pack([MessageType.response, id, null, result]);
}

/** A result that is encoded once for several responses: nobody changes its bytes. */
export class EncodedResult {
  readonly bytes: Uint8Array;

  constructor(result: unknown) {
    // A copy: the packer's buffer may be much larger.
    this.bytes = Uint8Array.from(packr.pack(result));
  }
}

/** Encodes `[1, id, nil`, which the result follows, into a new buffer, owned by the caller. */
export function encodeResultHead(id: number): Uint8Array {
  return encodeResult(id, null).subarray(0, -1);
}

/** Encodes `[1, id, [code, message], nil]` into a new buffer, owned by the caller. */
export function encodeError(id: number, code: ErrorCode, message: string): Uint8Array {
  return packr.pack([MessageType.response, id, [code, message], null]);
}
