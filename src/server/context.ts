/** What all connections share. */
import type { Limits } from '../config/config.js';
import type { Generator } from '../generator/interface.js';
import { Counters, type Transitions } from './activity.js';
import { OutputChunks } from './output-chunks.js';
import { RandomBatch, TurnQueue } from './random-batch.js';
import { Users } from './users.js';

/** What the methods answer from. */
export interface ServiceContext {
  generator: Generator;
  counters: Counters;
  /** Read at every use, so that a change to them holds from then on. */
  limits: Limits;
  /** The package's version. */
  version: string;
  /** By `Date.now()`. */
  startedAt: number;
  transitions: Transitions;
}

export interface ConnectionContext extends ServiceContext {
  readonly chunks: OutputChunks;
  readonly users: Users;
  readonly batch: RandomBatch;
  readonly turnQueue: TurnQueue;
}

/** What the daemon gives. */
export type ContextOptions = Pick<
  ServiceContext,
  'generator' | 'limits' | 'version' | 'transitions'
>;

/** Starts with nothing counted and nobody there. */
export function createContext(given: ContextOptions): ConnectionContext {
  const { generator, limits } = given;
  const counters = new Counters();
  const batch = new RandomBatch(generator, counters);
  return {
    ...given,
    counters,
    startedAt: Date.now(),
    chunks: new OutputChunks(generator, limits),
    users: new Users(limits),
    batch,
    turnQueue: new TurnQueue(batch),
  };
}
