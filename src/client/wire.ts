/** A client's calls as bytes, and bytes as their results. */
import { EntropyError, type ErrorCode } from '../common/errors.js';
import { chunkSize } from '../common/unix-socket.js';
import { MessageScanner } from '../rpc/message-scanner.js';
import {
  maxRandomRequestSize,
  type RandomFields,
  type Response,
  readResponseHeader,
  writeRandomRequest,
} from '../rpc/protocol.js';
import type { Call } from './call.js';
import { LocalMix } from './local-mixing.js';

/** Loaded, with msgpackr, by the first call that is not a plain `random`. */
type Codec = typeof import('../rpc/msgpack.js');

/** Kept, because each `import()` takes its time, also of what is loaded. */
let loaded: Codec | undefined;

async function loadCodec(): Promise<Codec> {
  loaded ??= await import('../rpc/msgpack.js');
  return loaded;
}

/** Encodes calls: a run of plain `random` in one piece, any other call with the codec. */
export class RequestWriter {
  #codec: Codec | undefined;
  /** Index of the call after the last one that `write` encoded. */
  next = 0;

  /**
   * Encodes calls from `from` on, as many as go into one piece, and sets `next`.
   * @returns a new buffer to be sent; undefined if the codec must be loaded first
   */
  write(calls: readonly Call[], from: number): Uint8Array | undefined {
    const { id, method, params } = calls[from] as Call;
    if (params === undefined) return this.#writeRun(calls, from);
    this.next = from + 1;
    return this.#codec?.encodeRequest({ id, method, params });
  }

  /** Loads the codec. */
  async load(): Promise<void> {
    this.#codec = await loadCodec();
  }

  #writeRun(calls: readonly Call[], from: number): Uint8Array {
    const bytes = Buffer.allocUnsafe((calls.length - from) * maxRandomRequestSize);
    let at = 0;
    let next = from;
    for (; next < calls.length; next++) {
      const { id, size, params } = calls[next] as Call;
      if (params !== undefined) break;
      at = writeRandomRequest(bytes, at, id, size);
    }
    this.next = next;
    return bytes.subarray(0, at);
  }
}

/** Responses of methods other than `random`: noise is the largest, status has the most elements. */
const responseLimits = { size: 4 * 1024 * 1024, elements: 4096 };

/** Settles calls from the bytes of one connection at a time; call `reset` before the next. */
export class ResponseReader {
  readonly #scanner = new MessageScanner(responseLimits);
  readonly #local: LocalMix | undefined;
  readonly #header: RandomFields = { id: 0, size: 0 };
  /** The beginning of a message that is incomplete. */
  #partial: Uint8Array = new Uint8Array(0);

  /** @param mixLocal XOR random bytes with bytes of this process's generator */
  constructor(mixLocal: boolean) {
    this.#local = mixLocal ? new LocalMix(chunkSize) : undefined;
  }

  /** Forgets the connection. */
  reset(): void {
    this.#partial = new Uint8Array(0);
    this.#scanner.reset();
  }

  /**
   * Takes the bytes of a read, and settles the calls that they answer.
   * @param calls in the order of their requests; the first `written` have been sent
   * @returns how many calls, counted from the first, have their response
   * @throws EntropyError `ERR_MESSAGE`, `ERR_TOO_LARGE` if the bytes do not answer these calls
   */
  read(data: Uint8Array, calls: readonly Call[], written: number): number {
    if (this.#partial.length === 0) return this.#mixed(data, calls, written);
    const bytes = Buffer.concat([this.#partial, data]);
    this.#partial = new Uint8Array(0);
    try {
      return this.#mixed(bytes, calls, written);
    } finally {
      // Most of it may be random bytes, whose header came in two reads.
      bytes.fill(0);
    }
  }

  #mixed(bytes: Uint8Array, calls: readonly Call[], written: number): number {
    this.#local?.draw(bytes.length);
    try {
      return this.#take(bytes, calls, written);
    } finally {
      this.#local?.wipe();
    }
  }

  #take(bytes: Uint8Array, calls: readonly Call[], written: number): number {
    const header = this.#header;
    const end = bytes.length;
    let at = 0;
    let done = 0;
    while (at < end) {
      if (done === written) throw unexpected('a response to no request');
      const call = calls[done] as Call;
      if (call.filled < 0) {
        const body = call.size === 0 ? 0 : readResponseHeader(bytes, at, end, header);
        if (body === 0) {
          at = this.#takeMessage(bytes, at, call);
          if (at === 0) break;
          done++;
          continue;
        }
        if (header.id !== call.id || header.size !== call.size) throw mismatch();
        this.#scanner.reset();
        call.filled = 0;
        at = body;
      }
      const { target } = call;
      const size = Math.min(call.size - call.filled, end - at);
      if (target !== undefined) this.#copy(bytes, at, size, target, call.filled);
      at += size;
      call.filled += size;
      if (call.filled < call.size) break;
      done++;
      call.succeed(target);
    }
    return done;
  }

  #copy(from: Uint8Array, at: number, size: number, to: Uint8Array, offset: number): void {
    if (this.#local !== undefined) this.#local.copy(from, at, size, to, offset);
    else to.set(from.subarray(at, at + size), offset);
  }

  /** Takes a response of any other layout: returns its end, or 0 and keeps what there is of it. */
  #takeMessage(bytes: Uint8Array, at: number, call: Call): number {
    const end = this.#scanner.scan(bytes, at, bytes.length);
    if (end === 0) {
      this.#partial = sliced(bytes, at, bytes.length);
      return 0;
    }
    this.#scanner.reset();
    void settle(call, sliced(bytes, at, end));
    return end;
  }
}

/** Settles a call with a whole message: at once, or as soon as the codec is loaded. */
async function settle(call: Call, message: Uint8Array): Promise<void> {
  try {
    const { decodeResponse } = loaded ?? (await loadCodec());
    call.succeed(resultOf(decodeResponse(message), call));
  } catch (error) {
    call.fail(error);
  }
}

/** @throws EntropyError the daemon's, or `ERR_MESSAGE` if it is not the response to this call */
function resultOf({ id, error, result }: Response, call: Call): unknown {
  // An error with id 0 may answer a message that the daemon could not read.
  const matches = id === call.id || (id === 0 && error !== null);
  if (matches && isFailure(error)) throw new EntropyError(...error);
  // Random bytes come in the fixed layout only.
  if (!matches || error !== null || call.size > 0) throw mismatch();
  return result;
}

/** Accepts codes that only a later daemon knows. */
function isFailure(error: unknown): error is [code: ErrorCode, message: string] {
  return (
    Array.isArray(error) &&
    error.length === 2 &&
    typeof error[0] === 'string' &&
    typeof error[1] === 'string'
  );
}

/** A copy, which a Buffer's own `slice` would not make. */
function sliced(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end);
}

function mismatch(): EntropyError {
  return unexpected('a response that does not match its request');
}

function unexpected(what: string): EntropyError {
  return new EntropyError('ERR_MESSAGE', `the daemon sent ${what}`);
}
