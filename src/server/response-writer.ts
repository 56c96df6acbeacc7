/**
 * Generates, frames and sends one client's responses, and keeps the bytes that the kernel has not
 * taken: at most one chunk. Random bytes exist only between generate and write; the rest of a large
 * response is a number. Plain, prediction-resistant and batched responses share one state, hence the
 * length.
 */
import { EntropyError } from '../common/errors.js';
import { chunkSize } from '../common/unix-socket.js';
import type { Generator } from '../generator/interface.js';
import { responseHeaderSize, writeResponseHeader } from '../rpc/protocol.js';
import type { Clock, Counters } from './activity.js';
import type { Chunk, ChunkOwner, OutputChunks } from './output-chunks.js';
import type { RandomRun } from './random-run.js';
import type { ClientSocket } from './socket-input.js';
import type { User } from './users.js';

export interface ResponseWriterOptions {
  socket: ClientSocket;
  /** The socket's file descriptor, if `Generator.respond` may send to it. */
  descriptor: number | undefined;
  user: User;
  /** Whether the reserve for administrators is open to this client. */
  admin: boolean;
  chunks: Pick<OutputChunks, 'acquire' | 'release'>;
  generator: Pick<Generator, 'fill' | 'respond' | 'fillPredictionResistant' | 'wipe'>;
  /** For the pieces of large responses; used at once. */
  run: RandomRun;
  counters: Pick<Counters, 'randomBytes'>;
  now: Clock;
  /**
   * `busy` has become false on its own.
   * @param yielded the event loop has turned meanwhile, so other connections have had their turn
   */
  onReady(yielded: boolean): void;
  /** A response with prediction resistance could not be begun; the request is to be refused. */
  onRefused(id: number, error: unknown): void;
}

/** Until a large response tries again to acquire a chunk. */
const retryMs = 10;

const empty = Buffer.alloc(0);

/** A response with prediction resistance, and how many bytes of it are not generated yet. */
type PredictionResistant = { id: number; size: number; left: number };

/** One response at a time: nothing may be sent while `busy`, and nothing new while `unfinished`. */
export class ResponseWriter {
  readonly #options: ResponseWriterOptions;
  readonly #socket: ClientSocket;
  readonly #user: ResponseWriterOptions['user'];
  readonly #owner: ChunkOwner;
  readonly #chunks: ResponseWriterOptions['chunks'];
  readonly #generator: ResponseWriterOptions['generator'];
  readonly #counters: ResponseWriterOptions['counters'];
  /** Bytes of a plain response that are not generated yet. */
  #left = 0;
  #predictionResistant: PredictionResistant | undefined;
  /** Since when the kernel has not taken a piece; 0: it has taken all. */
  #stalledSince = 0;
  #busy = false;

  constructor(options: ResponseWriterOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#user = options.user;
    this.#owner = { user: options.user, admin: options.admin };
    this.#chunks = options.chunks;
    this.#generator = options.generator;
    this.#counters = options.counters;
  }

  /** Waits for the kernel, for entropy or for a free chunk; `onReady` or `onRefused` follows. */
  get busy(): boolean {
    return this.#busy;
  }

  /** The last response is not generated completely: `continue` sends the next piece. */
  get unfinished(): boolean {
    return this.#left > 0 || this.#predictionResistant !== undefined;
  }

  /** For how long the kernel has not taken the current piece, milliseconds. */
  stalledMs(now: number): number {
    return this.#stalledSince === 0 ? 0 : now - this.#stalledSince;
  }

  /**
   * Generates and sends a run's responses, or their beginning.
   * @returns false if there is no room for a run above `smallSize`; nothing has been sent then
   * @throws EntropyError `ERR_NOT_SEEDED`, `ERR_HEALTH`; nothing has been sent then
   */
  sendRun(run: RandomRun): boolean {
    const chunk = this.#chunks.acquire(run.size, this.#owner);
    if (chunk === undefined) return false;
    this.#left = this.#respond(chunk, run);
    return true;
  }

  /**
   * Generates and sends `size` bytes after one that counts them, as EGD does.
   * @param size at most 255
   * @throws EntropyError `ERR_NOT_SEEDED`, `ERR_HEALTH`; nothing has been sent then
   */
  sendCounted(size: number): void {
    // Of `smallSize`, so there is always one.
    const chunk = this.#chunks.acquire(1 + size, this.#owner) as Chunk;
    try {
      this.#generator.fill(chunk.bytes, 1, size);
    } catch (error) {
      this.#chunks.release(chunk, this.#owner);
      throw error;
    }
    chunk.bytes[0] = size;
    this.#counters.randomBytes += size;
    this.#sendRest(chunk, 0, 1 + size);
  }

  /** Begins a response of `size` random bytes with prediction resistance; `continue` sends it. */
  beginPredictionResistant(id: number, size: number): void {
    this.#predictionResistant = { id, size, left: size };
  }

  /**
   * Sends a whole encoded message, or several, and keeps what the kernel does not take.
   * @param parts one after another; other connections may send them too, so nobody changes them
   */
  sendMessage(parts: readonly Uint8Array[]): void {
    this.#write(parts);
  }

  /**
   * Sends [at, at + size) of a batch when the kernel takes it, and leaves nothing random there. Does not
   * throw.
   * @param size at most `smallSize`, so there is always a chunk for it
   */
  keepBatched(batch: Uint8Array, at: number, size: number): void {
    // The batch goes on to its next member: this is sent from a chunk of this connection.
    const chunk = this.#socket.destroyed ? undefined : this.#chunks.acquire(size, this.#owner);
    if (chunk === undefined) this.#abandon();
    else {
      chunk.bytes.set(batch.subarray(at, at + size));
      this.#sendRest(chunk, 0, size);
    }
    this.#generator.wipe(batch, at, size);
  }

  /**
   * Generates and sends the next piece of the unfinished response.
   * @returns size of the piece, also if it is not ready yet
   */
  continue(): number {
    return this.#predictionResistant === undefined
      ? this.#continuePlain()
      : this.#continuePredictionResistant(this.#predictionResistant);
  }

  #continuePlain(): number {
    const size = Math.min(this.#left, chunkSize);
    const chunk = this.#chunks.acquire(size, this.#owner);
    if (chunk === undefined) {
      this.#wait();
      return size;
    }
    const { run } = this.#options;
    run.piece(size);
    try {
      this.#respond(chunk, run);
      this.#left -= size;
    } catch {
      this.#abandon();
    }
    return size;
  }

  #continuePredictionResistant(response: PredictionResistant): number {
    const begun = response.left < response.size;
    const header = begun ? 0 : responseHeaderSize(response.size);
    const size = Math.min(response.left, chunkSize - header);
    const chunk = this.#chunks.acquire(header + size, this.#owner);
    if (chunk === undefined || !this.#user.beginPredictionResistance()) {
      if (chunk !== undefined) this.#chunks.release(chunk, this.#owner);
      if (begun) this.#wait();
      else this.#refuse(response, busyError());
      return size;
    }
    this.#busy = true;
    this.#generator.fillPredictionResistant(chunk.bytes, header, size).then(
      () => {
        this.#user.endPredictionResistance();
        if (!begun) writeResponseHeader(chunk.view, 0, response.id, response.size);
        response.left -= size;
        if (response.left === 0) this.#predictionResistant = undefined;
        this.#counters.randomBytes += size;
        this.#busy = false;
        this.#sendRest(chunk, 0, header + size);
        if (!this.#busy) this.#options.onReady(false);
      },
      (error: unknown) => {
        this.#user.endPredictionResistance();
        this.#chunks.release(chunk, this.#owner);
        if (begun) this.#abandon();
        else this.#refuse(response, error);
      },
    );
    return size;
  }

  #refuse({ id }: PredictionResistant, error: unknown): void {
    this.#predictionResistant = undefined;
    this.#busy = false;
    this.#options.onRefused(id, error);
  }

  /**
   * Fills a chunk with a run's output and sends it, or releases the chunk and throws.
   * @returns what is left of the last response
   */
  #respond(chunk: Chunk, run: RandomRun): number {
    const { size, payload, left } = run;
    const generator = this.#generator;
    let sent = 0;
    try {
      if (this.#options.descriptor === undefined || this.#socket.destroyed) {
        generator.fill(chunk.bytes, 0, size);
        run.writeHeaders(chunk.view);
      } else {
        run.addressTo(this.#options.descriptor);
        generator.respond?.(chunk.bytes, run);
        sent = run.sentTo(0);
      }
    } catch (error) {
      this.#chunks.release(chunk, this.#owner);
      throw error;
    }
    this.#counters.randomBytes += payload;
    this.#sendRest(chunk, sent, size);
    return left;
  }

  /** Waits for a chunk to be released. */
  #wait(): void {
    this.#busy = true;
    setTimeout(() => this.#ready(), retryMs);
  }

  /** Ends the connection: once a response has begun, there is no way to report its failure. */
  #abandon(): void {
    this.#busy = true;
    this.#socket.destroy();
  }

  /** Sends [at, size) of a chunk and releases it when the kernel has taken everything. */
  #sendRest(chunk: Chunk, at: number, size: number): void {
    if (at === size) {
      this.#chunks.release(chunk, this.#owner);
      return;
    }
    this.#write([chunk.bytes.subarray(at, size)], () => {
      this.#generator.wipe(chunk.bytes, at, size - at);
      this.#chunks.release(chunk, this.#owner);
    });
  }

  /**
   * Writes, and is busy until the kernel has taken everything.
   * @param taken called then, or when the connection is lost
   */
  #write(parts: readonly Uint8Array[], taken: () => void = () => {}): void {
    for (const part of parts) this.#socket.write(part);
    // Node tries a write at once, so 0 means that `parts` are not needed any more.
    if (this.#socket.writableLength === 0) {
      taken();
      return;
    }
    this.#busy = true;
    this.#stalledSince = this.#options.now();
    // An empty write ends after it. A callback on the first write would cost every write its price.
    this.#socket.write(empty, () => {
      this.#stalledSince = 0;
      taken();
      this.#ready();
    });
  }

  #ready(): void {
    this.#busy = false;
    this.#options.onReady(true);
  }
}

/** The refusal of a response that there is no room for. */
export function busyError(): EntropyError {
  return new EntropyError('ERR_BUSY', 'too much is unread or waits for entropy; try again later');
}
