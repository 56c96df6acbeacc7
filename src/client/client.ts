/**
 * The client library: random bytes from the daemon, also in both KMS formats, without HTTP. Longer
 * than most files, because it is the list of one class's documented methods.
 */
import { randomUUID as localUuid } from 'node:crypto';
import type { Readable } from 'node:stream';
import * as awsKms from '../apis/aws-kms/format.js';
import {
  KMSServiceException,
  type ResponseMetadata,
  responseMetadata,
} from '../apis/aws-kms/format.js';
import * as genRandom from '../apis/huawei-kms/format.js';
import { EntropyError, ServiceError } from '../common/errors.js';
import { clientSocket } from '../common/unix-socket.js';
import type { Health } from '../generator/interface.js';
import { type DaemonStatus, maxRandomSize } from '../rpc/protocol.js';
import { Caller } from './call.js';
import {
  type CallOptions,
  type ClientOptions,
  checkedMaxPending,
  checkedSize,
  checkedTimeout,
  type RandomOptions,
  type StreamOptions,
} from './options.js';
import { Channel } from './pipeline.js';
import { fillPieces, RandomStream, randomInt, randomUuid } from './random-values.js';

export type { CallOptions, ClientOptions, RandomOptions, StreamOptions };

/** What the AWS SDK for JavaScript returns for GenerateRandom. */
export interface GenerateRandomOutput {
  Plaintext: Uint8Array;
  $metadata: ResponseMetadata;
}

const defaultTimeoutMs = 5_000;

/** Calls: what a burst may need, and an end to a loop that never waits. */
const defaultMaxPending = 65_536;

/** Of `random`, bytes: what fits a signed 32-bit size, as of a Buffer's in many interfaces. */
const maxSize = 2 ** 31 - 1;

/** Requests of one `random` beyond a request's size. */
const maxPiecesUnderWay = 4;

const noOptions = {};

/** Made by `connect`. */
export class Client {
  readonly #channel: Channel;
  readonly #caller: Caller;
  readonly #dialect: genRandom.Dialect;
  readonly #piecesUnderWay: number;

  constructor(options: ClientOptions) {
    const timeoutMs = checkedTimeout(options.timeoutMs ?? defaultTimeoutMs);
    const maxPending = checkedMaxPending(options.maxPending ?? defaultMaxPending);
    this.#channel = new Channel({
      path: clientSocket(options.socketPath),
      mixLocal: options.mixLocal ?? true,
      maxPending,
      coalesce: options.coalesce ?? 'tick',
    });
    this.#caller = new Caller(this.#channel, timeoutMs, options.signal);
    this.#dialect = options.dialect ?? 'otc';
    this.#piecesUnderWay = Math.min(maxPiecesUnderWay, maxPending);
  }

  /**
   * Random bytes from the daemon's generator.
   * @param size bytes, 1 to 2,147,483,647; above 1,048,576 in several requests, for all of which the
   *   time and the signal hold
   * @returns a new array of exactly `size` bytes, owned by the caller
   * @throws EntropyError `ERR_LENGTH`, `ERR_NOT_SEEDED`, `ERR_HEALTH`, `ERR_ENTROPY`, `ERR_BUSY`,
   *   `ERR_RATE`, `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_CLOSED`
   */
  random(size: number, options: RandomOptions = noOptions): Promise<Uint8Array> {
    // The way of most calls, without another promise.
    if (Number.isInteger(size) && size >= 1 && size <= maxRandomSize)
      return this.#caller.fill(new Uint8Array(size), options);
    return this.#randomPieces(size, options);
  }

  /**
   * Fills an array of the caller's, which nobody else may use until the promise is settled.
   * @param target 1 to 2,147,483,647 bytes; above 1,048,576 as in `random`
   * @returns `target`, full
   * @throws EntropyError as `random`, and `target` is zero then
   */
  async randomFill<T extends Uint8Array>(
    target: T,
    options: RandomOptions = noOptions,
  ): Promise<T> {
    checkedSize('size', target.length, maxSize);
    await fillPieces(target, this.#caller.filler(options), this.#piecesUnderWay);
    return target;
  }

  /**
   * An integer of 0 <= n < `max`, or `min` <= n < `max`, each with the same probability.
   * @param max a safe integer above `min`, at most 2^48 above it
   * @throws EntropyError `ERR_PARAMS`, and those of `random`
   */
  randomInt(max: number, options?: RandomOptions): Promise<number>;
  randomInt(min: number, max: number, options?: RandomOptions): Promise<number>;
  async randomInt(
    first: number,
    second: number | RandomOptions = noOptions,
    third: RandomOptions = noOptions,
  ): Promise<number> {
    const [min, max, options] =
      typeof second === 'object' ? [0, first, second] : [first, second, third];
    return randomInt(min, max, this.#caller.filler(options));
  }

  /**
   * A UUID of version 4 (RFC 9562), lower case.
   * @throws EntropyError as `random`
   */
  async randomUUID(options: RandomOptions = noOptions): Promise<string> {
    return randomUuid(this.#caller.filler(options));
  }

  /**
   * Random bytes without end, or `size` of them. A chunk is asked for when it is read, and one ahead;
   * `destroy()` ends the request under way.
   * @returns a stream that is destroyed with the error of `random` where one fails
   * @throws EntropyError `ERR_LENGTH`
   */
  stream(options: StreamOptions = noOptions): Readable {
    const draw = (size: number, chunk: RandomOptions) => this.random(size, chunk);
    return new RandomStream(draw, options, this.#caller.signals(options));
  }

  /**
   * AWS KMS GenerateRandom.
   * @param input as for the AWS SDK: `NumberOfBytes`, 1 to 1024
   * @returns `Plaintext` is a new array, owned by the caller
   * @throws KMSServiceException as the SDK: `name` (and `code`) is the API's error type
   *   (`ValidationException` ...), with `$fault`, `$metadata` and `$retryable`; the reason of a signal
   *   as it is
   */
  async generateRandom(
    input: { NumberOfBytes?: number | undefined },
    options?: RandomOptions,
  ): Promise<GenerateRandomOutput> {
    const requestId = localUuid();
    try {
      const { size } = awsKms.decodeRequest(input);
      return {
        Plaintext: await this.random(size, options),
        $metadata: responseMetadata(200, requestId),
      };
    } catch (error) {
      if (!isOurs(error)) throw error;
      throw new KMSServiceException(awsKms.toServiceError(error), requestId);
    }
  }

  /**
   * Open Telekom Cloud's and Huawei Cloud's gen-random.
   * @param input `random_data_length` in bits: 512 (`otc`), or a multiple of 8 up to 8192 (`hwc`);
   *   `project_id`, where it is there, must be one that a URL can hold
   * @returns upper-case hex
   * @throws ServiceError with the API's number as code (`KMS.1801` ...), the HTTP status, and the
   *   documented body's `error: { error_code, error_msg }`; the reason of a signal as it is
   */
  async genRandom(
    input: { random_data_length?: string | number; sequence?: string; project_id?: string },
    options?: RandomOptions,
  ): Promise<{ random_data: string }> {
    try {
      genRandom.checkProjectId(input?.project_id);
      const { size } = genRandom.decodeRequest(input, this.#dialect);
      return genRandom.encodeResponse(await this.random(size, options));
    } catch (error) {
      throw isOurs(error) ? genRandom.toCallerError(error) : error;
    }
  }

  /** State of the daemon's generator. Throws EntropyError, as do `status` and `metrics`. */
  health(options?: CallOptions): Promise<Health> {
    return this.#map('health', options) as Promise<Health>;
  }

  /** The whole picture of the daemon. */
  status(options?: CallOptions): Promise<DaemonStatus> {
    return this.#map('status', options) as Promise<DaemonStatus>;
  }

  /** Name, version and protocol of the daemon. */
  version(options?: CallOptions): Promise<{ name: string; version: string; protocol: number }> {
    return this.#map('version', options) as Promise<{
      name: string;
      version: string;
      protocol: number;
    }>;
  }

  /** Prometheus text format. */
  async metrics(options?: CallOptions): Promise<string> {
    const page = await this.#caller.call('metrics', options ?? noOptions);
    if (typeof page === 'string') return page;
    throw new EntropyError('ERR_MESSAGE', 'the daemon sent no text for metrics');
  }

  /**
   * Health tests of all sources, on demand; for administrators.
   * @throws EntropyError `ERR_FORBIDDEN`
   */
  selftest(options?: CallOptions): Promise<Health & { passed: boolean }> {
    return this.#map('selftest', options) as Promise<Health & { passed: boolean }>;
  }

  /**
   * Reseeds now, which is also the way back from the error state; for administrators.
   * @throws EntropyError `ERR_FORBIDDEN`, `ERR_HEALTH` where the error state stays
   */
  reseed(options?: CallOptions): Promise<Pick<DaemonStatus, 'state' | 'reason' | 'reseeds'>> {
    return this.#map('reseed', options) as Promise<
      Pick<DaemonStatus, 'state' | 'reason' | 'reseeds'>
    >;
  }

  /**
   * Raw samples of one noise source, for assessment; for administrators. They are no random bytes.
   * @param source its name, as `status` has it
   * @param size bytes, 1 to 1,048,576
   * @throws EntropyError `ERR_FORBIDDEN`, `ERR_LENGTH`, `ERR_PARAMS` for no such source, `ERR_ENTROPY`
   *   where it does not answer
   */
  async noise(source: string, size: number, options: CallOptions = noOptions): Promise<Uint8Array> {
    const samples = await this.#caller.call('noise', options, [source, size]);
    if (samples instanceof Uint8Array && samples.length === size) return samples;
    throw new EntropyError('ERR_MESSAGE', 'the daemon sent something else for noise');
  }

  /** Ends the connection; calls under way are rejected with `ERR_CLOSED`. */
  async close(): Promise<void> {
    this.#channel.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #map(method: string, options?: CallOptions): Promise<object> {
    const map = await this.#caller.call(method, options ?? noOptions);
    if (typeof map === 'object' && map !== null && !Array.isArray(map)) return map;
    throw new EntropyError('ERR_MESSAGE', `the daemon sent no map for ${method}`);
  }

  // Async, so that a size that is none rejects.
  async #randomPieces(size: number, options: RandomOptions): Promise<Uint8Array> {
    return this.randomFill(new Uint8Array(checkedSize('size', size, maxSize)), options);
  }
}

/** Not the reason of a signal, which is the caller's. */
function isOurs(error: unknown): boolean {
  return error instanceof EntropyError || error instanceof ServiceError;
}

/**
 * A client of the daemon on this host. It connects at the first call, sends the requests of a tick
 * together, reconnects after a loss, and keeps no process alive while idle.
 * @param options see `ClientOptions`
 * @returns the client; end it with `close()` or `await using`
 */
export function connect(options: ClientOptions = {}): Client {
  return new Client(options);
}
