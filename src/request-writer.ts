/** A client's calls as bytes: runs of the protocol's fixed shape in one piece, any other by the codec. */
import type { Call } from './call.js';
import { maxRandomRequestSize, writeRandomRequest } from './rpc/protocol.js';

type Codec = typeof import('./rpc/msgpack.js');

/** For one connection after another: it keeps nothing but the codec. */
export class RequestWriter {
  #codec: Codec | undefined;
  /** The call after the last one that `write` encoded. */
  next = 0;

  /**
   * Encodes calls from `from` on, as many as go into one piece; `next` says how far.
   * @returns what is to be sent; undefined where the codec has to be loaded first
   */
  write(calls: readonly Call[], from: number): Uint8Array | undefined {
    const { id, method, params } = calls[from] as Call;
    if (params === undefined) return this.#writeRun(calls, from);
    this.next = from + 1;
    return this.#codec?.encodeRequest({ id, method, params });
  }

  /** Loads the codec. */
  async load(): Promise<void> {
    this.#codec = await import('./rpc/msgpack.js');
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
