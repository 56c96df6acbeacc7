/** The client library: random bytes from the daemon, also in both KMS formats, without HTTP. */
import { randomUUID as localUuid } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { type Call, Channel } from './channel.js';
import type { Limits } from './config.js';
import { EntropyError } from './errors.js';
import * as awsKms from './formats/aws-kms.js';
import * as genRandom from './formats/gen-random.js';
import type { GeneratorStatus, Health } from './generator.js';
import { maxRandomSize } from './protocol.js';
import { clientSocket } from './socket-path.js';

export interface ClientOptions {
  /** Default: `ENTROPYD_SOCKET`, /run/entropyd/entropyd.sock, the user's runtime folder. */
  socketPath?: string;
  /** Time for each call, milliseconds above 0; default 5000. */
  timeoutMs?: number;
  /** Ends every call of this client. */
  signal?: AbortSignal;
  /**
   * XOR what arrives with bytes of this process's own generator, so that a compromised or
   * impersonated daemon cannot tell what `random` returns. Default true.
   */
  mixLocal?: boolean;
  /** Lengths that `genRandom` takes; default `otc`. */
  dialect?: genRandom.Dialect;
}

export interface CallOptions {
  /** Milliseconds above 0; default: the client's. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface RandomOptions extends CallOptions {
  /** Reseed from live entropy before generating; never degrades. Default false. */
  predictionResistance?: boolean;
}

/** What the AWS SDK for JavaScript returns for GenerateRandom. */
export interface GenerateRandomOutput {
  Plaintext: Uint8Array;
  $metadata: { httpStatusCode: number; requestId: string; attempts: number };
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
  /** Of the configuration. */
  limits: Limits;
}

const defaultTimeoutMs = 5_000;

function checkedTimeout(timeoutMs: number): number {
  if (timeoutMs > 0) return timeoutMs;
  throw new EntropyError('ERR_PARAMS', 'timeoutMs: want a number of milliseconds above 0');
}

/** Made by `connect`. */
export class Client {
  readonly #channel: Channel;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #dialect: genRandom.Dialect;

  constructor(options: ClientOptions) {
    this.#timeoutMs = checkedTimeout(options.timeoutMs ?? defaultTimeoutMs);
    this.#signal = options.signal;
    this.#dialect = options.dialect ?? 'otc';
    this.#channel = new Channel(clientSocket(options.socketPath), options.mixLocal ?? true);
  }

  /**
   * Random bytes from the daemon's generator.
   * @param size bytes, 1 to 1,048,576
   * @returns a new array of exactly `size` bytes, owned by the caller
   * @throws EntropyError `ERR_LENGTH`, `ERR_NOT_SEEDED`, `ERR_HEALTH`, `ERR_ENTROPY`, `ERR_BUSY`,
   *   `ERR_RATE`, `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_CLOSED`
   */
  random(size: number, options: RandomOptions = {}): Promise<Uint8Array> {
    if (!Number.isInteger(size) || size < 1 || size > maxRandomSize)
      return Promise.reject(
        new EntropyError('ERR_LENGTH', `size: want an integer of 1 to ${maxRandomSize} bytes`),
      );
    return this.#send(options, {
      target: new Uint8Array(size),
      predictionResistance: options.predictionResistance ?? false,
    }) as Promise<Uint8Array>;
  }

  /**
   * AWS KMS GenerateRandom.
   * @param input as for the AWS SDK: `NumberOfBytes`, 1 to 1024
   * @returns `Plaintext` is a new array, owned by the caller
   * @throws ServiceError with the API's error type as code (`ValidationException` ...); the reason
   *   of a signal as it is
   */
  async generateRandom(
    input: { NumberOfBytes?: number },
    options?: RandomOptions,
  ): Promise<GenerateRandomOutput> {
    const { size } = awsKms.decodeRequest(input);
    try {
      return {
        Plaintext: await this.random(size, options),
        $metadata: { httpStatusCode: 200, requestId: localUuid(), attempts: 1 },
      };
    } catch (error) {
      throw error instanceof EntropyError ? awsKms.toServiceError(error) : error;
    }
  }

  /**
   * Open Telekom Cloud's and Huawei Cloud's gen-random.
   * @param input `random_data_length` in bits: 512 (`otc`), or a multiple of 8 up to 8192 (`hwc`)
   * @returns upper-case hex
   * @throws ServiceError with the API's number as code (`KMS.1801` ...); the reason of a signal as
   *   it is
   */
  async genRandom(
    input: { random_data_length?: string | number; sequence?: string },
    options?: RandomOptions,
  ): Promise<{ random_data: string }> {
    const { size } = genRandom.decodeRequest(input, this.#dialect);
    try {
      return genRandom.encodeAnswer(await this.random(size, options));
    } catch (error) {
      throw error instanceof EntropyError ? genRandom.toServiceError(error) : error;
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
    const page = await this.#call('metrics', options);
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
  reseed(options?: CallOptions): Promise<Pick<GeneratorStatus, 'state' | 'reason' | 'reseeds'>> {
    return this.#map('reseed', options) as Promise<
      Pick<GeneratorStatus, 'state' | 'reason' | 'reseeds'>
    >;
  }

  /** Ends the connection; calls under way are rejected with `ERR_CLOSED`. */
  async close(): Promise<void> {
    this.#channel.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #map(method: string, options?: CallOptions): Promise<object> {
    const map = await this.#call(method, options);
    if (typeof map === 'object' && map !== null && !Array.isArray(map)) return map;
    throw new EntropyError('ERR_MESSAGE', `the daemon sent no map for ${method}`);
  }

  #call(method: string, options?: CallOptions): Promise<unknown> {
    return this.#send(options ?? {}, { method, params: [] });
  }

  #send(
    options: CallOptions,
    request: Pick<Call, 'target' | 'method' | 'params' | 'predictionResistance'>,
  ): Promise<unknown> {
    const signals = [this.#signal, options.signal].filter((signal) => signal !== undefined);
    for (const signal of signals) if (signal.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const timeoutMs = checkedTimeout(options.timeoutMs ?? this.#timeoutMs);
      const end = () => {
        for (const signal of signals) signal.removeEventListener('abort', abort);
      };
      const abort = ({ target }: Event) => cancel((target as AbortSignal).reason);
      for (const signal of signals) {
        // More than ten calls may wait at once, and that is no leak.
        setMaxListeners(0, signal);
        signal.addEventListener('abort', abort);
      }
      const cancel = this.#channel.send({
        ...request,
        deadline: performance.now() + timeoutMs,
        resolve: (result) => {
          end();
          resolve(result);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
    });
  }
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
