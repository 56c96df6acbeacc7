/**
 * A client without a daemon, for the tests of programs that use the library: deterministic bytes, and
 * failures on demand. Never a mode of the client or of the server.
 */
import { createCipheriv, createHash } from 'node:crypto';
import { EntropyError, type ErrorCode } from '../common/errors.js';
import { Durations } from '../common/histogram.js';
import { version } from '../common/package.js';
import { defaultLimits } from '../config/config.js';
import type { GeneratorState } from '../generator/interface.js';
import {
  type DaemonStatus,
  type HistoryResult,
  protocolVersion,
  type Results,
} from '../rpc/protocol.js';
import type { Call, CallQueue } from './call.js';
import { Client, type ClientOptions } from './client.js';
import { checkedNames } from './options.js';

/** There is no daemon that could have one. */
const noHistory: HistoryResult = {
  intervalSeconds: 300,
  stored: false,
  records: [],
  transitions: [],
};

/**
 * What becomes of a call of `random` and the methods that use it: it fails with a code, or its answer
 * takes a while. If that is longer than the call's `timeoutMs`, it fails with `ERR_TIMEOUT` then.
 */
export type Fault = ErrorCode | { readonly delayMs: number };

/** Options of {@link createTestClient}, besides those of `connect` that need no socket. */
export interface TestClientOptions extends Pick<ClientOptions, 'dialect' | 'signal' | 'timeoutMs'> {
  /** The bytes are a function of it alone; default: the empty text. */
  seed?: string;
  /**
   * What becomes of the first calls, one each, and undefined for one that succeeds; later calls
   * succeed. A generator function that never ends makes them fail forever.
   */
  faults?: Iterable<Fault | undefined>;
  /** What `health` and `status` report; it fails no call. Default `operational`. */
  state?: GeneratorState;
}

/** A client of the library, for tests. */
export interface TestClient extends Client {
  /** Further faults, for the calls after those that have one. */
  fail(...faults: readonly (Fault | undefined)[]): void;
}

/** Zeros of AES's block size: the keystream alone is wanted. */
const noCounter = Buffer.alloc(16);

/** A daemon in memory. Its bytes are the keystream of AES-256-CTR under the digest of a seed. */
class TestDaemon implements CallQueue {
  readonly #keystream;
  readonly #first: Iterator<Fault | undefined>;
  readonly #added: (Fault | undefined)[] = [];
  readonly #state: GeneratorState;
  readonly #waiting = new Set<Call>();
  readonly #startedAt = Date.now();
  #isFirstDone = false;
  #isClosed = false;
  #requests = 0;
  #randomBytes = 0;

  constructor({ seed = '', faults = [], state = 'operational' }: TestClientOptions) {
    const key = createHash('sha256').update(seed).digest();
    this.#keystream = createCipheriv('aes-256-ctr', key, noCounter);
    this.#first = faults[Symbol.iterator]();
    this.#state = state;
  }

  fail(faults: readonly (Fault | undefined)[]): void {
    this.#added.push(...faults);
  }

  send(call: Call): void {
    if (this.#isClosed) {
      call.fail(new EntropyError('ERR_CLOSED', 'the client is closed'));
      return;
    }
    this.#waiting.add(call);
    const fault = call.method === 'random' ? this.#nextFault() : undefined;
    const delayMs = typeof fault === 'object' ? fault.delayMs : 0;
    const isLate = delayMs >= call.timeoutMs;
    const timer = setTimeout(
      () => {
        if (isLate)
          call.fail(new EntropyError('ERR_TIMEOUT', `no response within ${call.timeoutMs} ms`));
        else if (typeof fault === 'string')
          call.fail(new EntropyError(fault, `${fault}, as the test wants it`));
        else this.#answer(call);
      },
      isLate ? call.timeoutMs : delayMs,
    );
    call.start(this.#requests++, () => {
      clearTimeout(timer);
      this.#waiting.delete(call);
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const call of this.#waiting)
      call.fail(new EntropyError('ERR_CLOSED', 'the client was closed'));
  }

  #nextFault(): Fault | undefined {
    if (!this.#isFirstDone) {
      const { done, value } = this.#first.next();
      if (!done) return value;
      this.#isFirstDone = true;
    }
    return this.#added.shift();
  }

  #answer(call: Call): void {
    const { method, target } = call;
    if (target !== undefined) {
      target.set(this.#keystream.update(new Uint8Array(target.length)));
      this.#randomBytes += target.length;
      call.succeed(target);
      return;
    }
    const status = this.#status();
    const { state, healthy, reason, sources } = status;
    const results: Partial<Results> = {
      health: { state, healthy, reason, sources },
      status,
      version: { name: 'entropyd', version, protocol: protocolVersion },
      history: JSON.stringify(noHistory),
      metrics: '',
    };
    if (Object.hasOwn(results, method)) call.succeed(results[method as keyof Results]);
    else
      call.fail(
        new EntropyError('ERR_FORBIDDEN', `${method} needs a daemon and its administrator`),
      );
  }

  #status(): DaemonStatus {
    const state = this.#state;
    return {
      state,
      healthy: state === 'operational',
      reason: state === 'operational' ? '' : 'as the test wants it',
      construction: '',
      sources: [],
      reseeds: 0,
      requestsSinceReseed: 0,
      secondsSinceReseed: 0,
      memoryLocked: false,
      version,
      uptimeSeconds: Math.floor((Date.now() - this.#startedAt) / 1000),
      pid: process.pid,
      node: process.versions.node,
      openssl: process.versions.openssl,
      connections: 1,
      connectionsTotal: 1,
      requests: this.#requests,
      randomBytes: this.#randomBytes,
      errors: {},
      serving: new Durations([]).counts(),
      transitions: [],
      sockets: [],
      limits: defaultLimits,
    };
  }
}

const names: Record<keyof TestClientOptions, true> = {
  dialect: true,
  faults: true,
  seed: true,
  signal: true,
  state: true,
  timeoutMs: true,
};

/**
 * A client that needs no daemon: every method of `Client` works, and the bytes are the same in every
 * run. They are not random; use it in tests only. `selftest`, `reseed` and `noise` are refused.
 * @throws EntropyError `ERR_PARAMS`
 */
export function createTestClient(options: TestClientOptions = {}): TestClient {
  checkedNames('createTestClient', options, names);
  const { seed, faults, state, ...rest } = options;
  const daemon = new TestDaemon(options);
  const client = new Client(rest, daemon) as TestClient;
  client.fail = (...faults) => daemon.fail(faults);
  return client;
}
