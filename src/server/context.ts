/** State that all connections of the daemon share. */
import { Cached } from '../common/cached.js';
import type { WarningThrottle } from '../common/log.js';
import type { Limits } from '../config/config.js';
import type { Generator } from '../generator/interface.js';
import type { EncodedResult } from '../rpc/msgpack.js';
import type { ListeningSocket } from '../rpc/protocol.js';
import { type Clock, Counters, type Transitions } from './activity.js';
import { History } from './history.js';
import { OutputChunks } from './output-chunks.js';
import { RandomBatch, TurnQueue } from './random-batch.js';
import { RandomRun } from './random-run.js';
import { Users } from './users.js';

/** The parts that the daemon provides. */
export interface ContextOptions {
  generator: Generator;
  /** Read at every use, so that a change takes effect at once. */
  limits: Limits;
  /** Version of the package. */
  version: string;
  transitions: Transitions;
  /** For durations and deadlines; default: `performance.now()`. */
  now?: Clock;
  /** How many descriptors the process may open, asked for each connection; default: no limit. */
  descriptorLimit?: () => number;
  /** Tells the operator of what clients cannot be told; default: nobody. */
  warn?: WarningThrottle['warn'];
}

/** How long a metrics page is used, milliseconds: Prometheus asks no more often. */
const metricsMs = 1_000;

/** How long an encoded history is used, milliseconds: it grows every five minutes. */
const historyMs = 10_000;

/** State that the methods report and change. */
export interface ServiceContext extends ContextOptions {
  readonly counters: Counters;
  readonly history: History;
  /** By `Date.now()`. */
  readonly startedAt: number;
  readonly metricsPage: Cached<EncodedResult>;
  /** Where the daemon listens now. */
  sockets: readonly ListeningSocket[];
  readonly historyPage: Cached<EncodedResult>;
}

/** Everything that a connection uses. */
export interface ConnectionContext extends ServiceContext {
  readonly now: Clock;
  readonly descriptorLimit: () => number;
  readonly warn: WarningThrottle['warn'];
  readonly chunks: OutputChunks;
  readonly users: Users;
  readonly batch: RandomBatch;
  readonly turnQueue: TurnQueue;
  /** One for all connections: each uses its contents before another is served. */
  readonly run: RandomRun;
}

/** A context with all counters at zero and nobody connected. */
export function createContext(options: ContextOptions): ConnectionContext {
  const { generator, limits, now = () => performance.now() } = options;
  const { descriptorLimit = () => Number.POSITIVE_INFINITY, warn = () => {} } = options;
  const counters = new Counters();
  return {
    ...options,
    now,
    descriptorLimit,
    warn,
    counters,
    history: new History({ generator, counters }),
    startedAt: Date.now(),
    metricsPage: new Cached(metricsMs, now),
    sockets: [],
    historyPage: new Cached(historyMs, now),
    chunks: new OutputChunks(generator, limits),
    users: new Users(limits, now),
    batch: new RandomBatch(generator, counters),
    turnQueue: new TurnQueue(),
    run: new RandomRun(),
  };
}
