/**
 * The client library: random bytes from the daemon, also in the formats of cloud APIs, without HTTP.
 * Longer than most files because it documents every method of one class.
 */
import type { Readable } from 'node:stream';
import type { GetRandomPasswordInput } from '../apis/aws-secrets-manager/format.js';
import * as genRandom from '../apis/huawei-kms/format.js';
import { clientSocket } from '../common/unix-socket.js';
import type { Health } from '../generator/interface.js';
import {
  type DaemonStatus,
  type HistoryResult,
  maxRandomSize,
  type ReseedResult,
  type Results,
  type SelfTestResult,
  type VersionResult,
} from '../rpc/protocol.js';
import {
  type GenerateRandomOutput,
  type GetRandomPasswordOutput,
  generateRandom,
  getRandomPassword,
  isOurs,
} from './aws-calls.js';
import { Caller, type CallQueue } from './call.js';
import {
  type CallOptions,
  type ClientOptions,
  checkedOptions,
  checkedSize,
  type RandomOptions,
  type StreamOptions,
} from './options.js';
import { Pipeline } from './pipeline.js';
import { fillPieces, RandomStream, randomInt, randomUuid } from './random-values.js';
import { bytesOf, jsonOf, mapOf, textOf } from './results.js';

export type {
  CallOptions,
  ClientOptions,
  GenerateRandomOutput,
  GetRandomPasswordInput,
  GetRandomPasswordOutput,
  RandomOptions,
  StreamOptions,
};

/** Largest `random`, bytes: a signed 32-bit size, as many interfaces of Buffer have. */
const maxSize = 2 ** 31 - 1;

/** Requests in flight for one `random` that is larger than a request. */
const maxPiecesInFlight = 4;

const noOptions = {};

/** A client of the daemon on this host, made by {@link connect}. */
export class Client {
  readonly #queue: CallQueue;
  readonly #caller: Caller;
  readonly #dialect: genRandom.Dialect;
  readonly #piecesInFlight: number;
  readonly #wipeable: boolean;
  #isClosed = false;

  /**
   * @param queue what its calls are sent to; default: the daemon
   * @throws EntropyError `ERR_PARAMS`
   */
  constructor(options: ClientOptions, queue?: CallQueue) {
    const { socketPath, timeoutMs, maxPending, ...checked } = checkedOptions(options);
    this.#queue = queue ?? new Pipeline({ path: clientSocket(socketPath), maxPending, ...checked });
    this.#caller = new Caller(this.#queue, timeoutMs, options.signal);
    this.#dialect = checked.dialect;
    this.#piecesInFlight = Math.min(maxPiecesInFlight, maxPending);
    this.#wipeable = checked.wipeable;
  }

  /**
   * Random bytes from the daemon's generator.
   * @param size bytes, 1 to 2,147,483,647. Above 1,048,576 it takes several requests, which share
   *   one timeout and one signal
   * @returns a new array of exactly `size` bytes, owned by the caller
   * @throws EntropyError `ERR_LENGTH`, `ERR_NOT_SEEDED`, `ERR_HEALTH`, `ERR_ENTROPY`, `ERR_BUSY`,
   *   `ERR_RATE`, `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_CLOSED`
   */
  random(size: number, options: RandomOptions = noOptions): Promise<Uint8Array> {
    // Fast path: avoids a second promise.
    if (Number.isInteger(size) && size >= 1 && size <= maxRandomSize) {
      // An ArrayBuffer's memory is never on V8's heap.
      const target = this.#wipeable ? new Uint8Array(new ArrayBuffer(size)) : new Uint8Array(size);
      return this.#caller.fill(target, options);
    }
    return this.#randomPieces(size, options);
  }

  /**
   * Fills an array of the caller, who MUST NOT use it until the promise is settled.
   * @param target 1 to 2,147,483,647 bytes; above 1,048,576 as for `random`
   * @returns `target`, filled completely
   * @throws EntropyError as `random` does; `target` is zero then
   */
  async randomFill<T extends Uint8Array>(
    target: T,
    options: RandomOptions = noOptions,
  ): Promise<T> {
    checkedSize('size', target.length, maxSize);
    await fillPieces(target, this.#caller.filler(options), this.#piecesInFlight);
    return target;
  }

  /**
   * A uniform integer 0 <= n < `max`, or `min` <= n < `max`.
   * @param max a safe integer above `min`, at most 2^48 above it
   * @throws EntropyError `ERR_PARAMS`, and as `random` does
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
   * @throws EntropyError as `random` does
   */
  async randomUUID(options: RandomOptions = noOptions): Promise<string> {
    return randomUuid(this.#caller.filler(options));
  }

  /**
   * An endless stream of random bytes, or `size` of them. Chunks are requested as they are read, one
   * ahead; `destroy()` ends the request in flight, and `close()` of the client destroys the stream.
   * @returns a stream, destroyed with the error of `random` if a request fails
   * @throws EntropyError `ERR_LENGTH`
   */
  stream(options: StreamOptions = noOptions): Readable {
    const draw = (size: number, chunk: RandomOptions) => this.random(size, chunk);
    const isOver = () => this.#isClosed;
    return new RandomStream(draw, options, this.#caller.signals(options), isOver);
  }

  /**
   * AWS KMS GenerateRandom.
   * @param input as for the AWS SDK: `NumberOfBytes`, 1 to 1024
   * @returns `Plaintext` is a new array, owned by the caller
   * @throws KMSServiceException as the SDK does: `name` and `code` are the API's error type
   *   (`ValidationException` ...), with `$fault`, `$metadata` and `$retryable`; a signal's reason is
   *   thrown unchanged
   */
  async generateRandom(
    input: { NumberOfBytes?: number | undefined },
    options?: RandomOptions,
  ): Promise<GenerateRandomOutput> {
    return generateRandom(input, (size) => this.random(size, options));
  }

  /**
   * AWS Secrets Manager GetRandomPassword. Every password that fits has the same probability.
   * @param input as for the AWS SDK; all members are optional, and without any the password has 32
   *   characters and at least one of each type
   * @returns `RandomPassword` is a string, which nobody can wipe
   * @throws SecretsManagerServiceException (`InvalidParameterException` ...), like `generateRandom`
   */
  async getRandomPassword(
    input: GetRandomPasswordInput = {},
    options?: RandomOptions,
  ): Promise<GetRandomPasswordOutput> {
    return getRandomPassword(input, (size) => this.random(size, options));
  }

  /**
   * Open Telekom Cloud's and Huawei Cloud's gen-random.
   * @param input `random_data_length` in bits: 512 (`otc`), or a multiple of 8 up to 8192 (`hwc`);
   *   `project_id`, if present, must be one that a URL can hold
   * @returns upper-case hex
   * @throws ServiceError with the API's number as code (`KMS.1801` ...), the HTTP status, and
   *   `error: { error_code, error_msg }` of the documented body; a signal's reason is thrown unchanged
   */
  async genRandom(
    input: { random_data_length?: string | number; sequence?: string; project_id?: string },
    options?: RandomOptions,
  ): Promise<{ random_data: string }> {
    try {
      genRandom.checkProjectId(input?.project_id);
      const { size } = genRandom.decodeRequest(input, this.#dialect);
      const bytes = await this.random(size, options);
      try {
        return genRandom.encodeResult(bytes);
      } finally {
        bytes.fill(0);
      }
    } catch (error) {
      throw isOurs(error) ? genRandom.toCallerError(error) : error;
    }
  }

  /**
   * State of the daemon's generator and its noise sources.
   * @throws EntropyError `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_CLOSED`, as all methods below do
   */
  health(options?: CallOptions): Promise<Health> {
    return this.#map('health', options);
  }

  /** Everything that `health` reports, and the daemon's counters, limits and versions. */
  status(options?: CallOptions): Promise<DaemonStatus> {
    return this.#map('status', options);
  }

  /** Name, version and protocol of the daemon. */
  version(options?: CallOptions): Promise<VersionResult> {
    return this.#map('version', options);
  }

  /** A day of the daemon's health at most: rates, waiting, alarms, reseeds and changes of state. */
  async history(options?: CallOptions): Promise<HistoryResult> {
    return jsonOf('history', await this.#caller.call('history', options ?? noOptions));
  }

  /** The daemon's metrics in Prometheus text format 0.0.4. */
  async metrics(options?: CallOptions): Promise<string> {
    return textOf('metrics', await this.#caller.call('metrics', options ?? noOptions));
  }

  /**
   * Tests all sources now; for administrators. A source that passes comes back if it was out, which
   * is also the way out of the error state. Takes up to two seconds for each source: give it a
   * `timeoutMs`.
   * @throws EntropyError `ERR_FORBIDDEN`
   */
  selftest(options?: CallOptions): Promise<SelfTestResult> {
    return this.#map('selftest', options);
  }

  /**
   * Reseeds from noise that is read from now on; for administrators. Until it is there, the last
   * seed serves.
   * @throws EntropyError `ERR_FORBIDDEN`, `ERR_HEALTH` in the error state, `ERR_NOT_SEEDED`
   */
  reseed(options?: CallOptions): Promise<ReseedResult> {
    return this.#map('reseed', options);
  }

  /**
   * Raw samples of one noise source, for assessment; for administrators. They are not random bytes.
   * The daemon reads for one caller at a time, as long as the source takes: give a slow one less to
   * do and a `timeoutMs`.
   * @param source its name, as in `status`
   * @param size bytes, 1 to 1,048,576
   * @returns a new array, owned by the caller
   * @throws EntropyError `ERR_FORBIDDEN`, `ERR_LENGTH`, `ERR_PARAMS` for an unknown source,
   *   `ERR_ENTROPY` if it does not answer, `ERR_BUSY` if too many callers wait
   */
  async noise(source: string, size: number, options: CallOptions = noOptions): Promise<Uint8Array> {
    return bytesOf('noise', await this.#caller.call('noise', options, [source, size]), size);
  }

  /**
   * Ends the connection. Calls in flight are rejected with `ERR_CLOSED`; streams are destroyed, without
   * an error: whoever closes the client wants no more of them.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#queue.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #map<Name extends 'health' | 'status' | 'version' | 'selftest' | 'reseed'>(
    method: Name,
    options?: CallOptions,
  ): Promise<Results[Name]> {
    return mapOf(method, await this.#caller.call(method, options ?? noOptions));
  }

  // Async, so that an invalid size rejects.
  async #randomPieces(size: number, options: RandomOptions): Promise<Uint8Array> {
    return this.randomFill(new Uint8Array(checkedSize('size', size, maxSize)), options);
  }
}

/**
 * A client of the daemon on this host. It connects at the first call, sends the requests of a tick
 * together, reconnects after a loss, and does not keep the process alive while idle.
 * @returns a client; end it with `close()` or `await using`
 * @throws EntropyError `ERR_PARAMS`
 */
export function connect(options: ClientOptions = {}): Client {
  return new Client(options);
}
