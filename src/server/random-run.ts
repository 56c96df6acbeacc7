/**
 * A run of consecutive fixed-layout `random` requests, and where their responses go. Hot path: one
 * generate fills the whole output, then the headers are written over their places in it.
 */
import { chunkSize } from '../common/unix-socket.js';
import type { Responses } from '../generator/interface.js';
import {
  maxResponseHeaderSize,
  type RandomFields,
  readRandomRequest,
  responseHeaderSize,
  writeResponseHeader,
} from '../rpc/protocol.js';

/** As many of the smallest responses as begin in one chunk. */
const capacity = Math.ceil(chunkSize / (responseHeaderSize(1) + 1));

/** Numbers of one recipient: descriptor, bytes, requests, sent. */
const recipientFields = 4;

/**
 * One object serves all connections: making one per read would cost more than the read. Its contents
 * hold until the next `collect` or `single`, so they are used before another connection is served.
 */
export class RandomRun implements Responses {
  /** Pairs of id and size. */
  readonly requests = new Uint32Array(2 * capacity);
  readonly recipients: Int32Array;
  recipientCount = 0;
  readonly #request: RandomFields = { id: 0, size: 0 };
  /** Requests in the run. */
  count = 0;
  /** End of the first request in the input. */
  firstEnd = 0;
  /** End of the last request in the input. */
  end = 0;
  /** Bytes of output in this chunk, headers included. */
  size = 0;
  /** Random bytes in this chunk. */
  payload = 0;
  /** Random bytes of the last response that are left for later chunks. */
  left = 0;

  /** @param maxRecipients runs that may be appended */
  constructor(maxRecipients = 1) {
    this.recipients = new Int32Array(recipientFields * maxRecipients);
  }

  get firstId(): number {
    return this.requests[0] as number;
  }

  /**
   * Takes requests from [at, end) as long as their responses begin in one chunk.
   * @param view has `requestSlack` readable bytes past `end`
   * @param allowance random bytes that may be requested; the request that exhausts it is the last
   */
  collect(view: DataView, at: number, end: number, allowance: number): void {
    // Local variables: fields would be loaded and stored for every request.
    const requests = this.requests;
    const request = this.#request;
    let count = 0;
    let firstEnd = 0;
    let next = at;
    let size = 0;
    let payload = 0;
    while (size < chunkSize - maxResponseHeaderSize && payload < allowance) {
      const requestEnd = readRandomRequest(view, next, end, request);
      if (requestEnd === 0) break;
      if (count === 0) firstEnd = requestEnd;
      requests[2 * count] = request.id;
      requests[2 * count + 1] = request.size;
      count++;
      next = requestEnd;
      payload += request.size;
      size += responseHeaderSize(request.size) + request.size;
    }
    this.#set(count, firstEnd, next, size, payload);
  }

  /** Random bytes of the first responses that take at most `room` bytes; 0 if the first takes more. */
  payloadWithin(room: number): number {
    let payload = 0;
    let taken = 0;
    for (let i = 0; i < this.count; i++) {
      const size = this.requests[2 * i + 1] as number;
      taken += responseHeaderSize(size) + size;
      if (taken > room) break;
      payload += size;
    }
    return payload;
  }

  /** Becomes a run of one request, which came in another layout and ends at `end`. */
  single(id: number, size: number, end: number): void {
    this.requests[0] = id;
    this.requests[1] = size;
    this.#set(1, end, end, responseHeaderSize(size) + size, size);
  }

  /** Becomes a piece of a response whose header has been sent. */
  piece(size: number): void {
    this.#set(0, 0, 0, size, size);
  }

  #set(count: number, firstEnd: number, end: number, size: number, payload: number): void {
    this.count = count;
    this.firstEnd = firstEnd;
    this.end = end;
    this.left = Math.max(0, size - chunkSize);
    this.size = size - this.left;
    this.payload = payload - this.left;
  }

  /**
   * Appends the requests of another run, for a recipient of its own.
   * @param run leaves nothing for later chunks
   * @param room bytes that all responses together may take
   * @returns false if they would take more; nothing is appended then
   */
  append(run: RandomRun, room: number): boolean {
    if (this.size + run.size > room) return false;
    for (let i = 0; i < 2 * run.count; i++)
      this.requests[2 * this.count + i] = run.requests[i] as number;
    const recipient = recipientFields * this.recipientCount++;
    this.recipients[recipient + 1] = run.size;
    this.recipients[recipient + 2] = run.count;
    this.count += run.count;
    this.size += run.size;
    this.payload += run.payload;
    return true;
  }

  clear(): void {
    this.#set(0, 0, 0, 0, 0);
    this.recipientCount = 0;
  }

  /** Ids of the requests [from, to), in a new array. */
  ids(from: number, to: number): readonly number[] {
    return Array.from({ length: to - from }, (_, i) => this.requests[2 * (from + i)] as number);
  }

  /** Everything is for one recipient. */
  addressTo(descriptor: number): void {
    this.recipientCount = 1;
    this.recipients[1] = this.size;
    this.recipients[2] = this.count;
    this.setDescriptor(0, descriptor);
  }

  /** @param descriptor negative: nothing is sent to this recipient */
  setDescriptor(recipient: number, descriptor: number): void {
    this.recipients[recipientFields * recipient] = descriptor;
  }

  /** Bytes for a recipient. */
  sizeFor(recipient: number): number {
    return this.recipients[recipientFields * recipient + 1] as number;
  }

  /** Requests of a recipient. */
  countFor(recipient: number): number {
    return this.recipients[recipientFields * recipient + 2] as number;
  }

  /** Bytes that a recipient has been sent. */
  sentTo(recipient: number): number {
    return this.recipients[recipientFields * recipient + 3] as number;
  }

  /** Writes all response headers over the generated bytes. */
  writeHeaders(view: DataView): void {
    let next = 0;
    for (let i = 0; i < this.count; i++) {
      const size = this.requests[2 * i + 1] as number;
      next = writeResponseHeader(view, next, this.requests[2 * i] as number, size) + size;
    }
  }
}
