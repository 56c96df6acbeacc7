/** What all connections share. */
import { Counters } from '../counters.js';
import type { ServiceContext } from './methods.js';
import { OutputChunks } from './output.js';
import { RandomBatch } from './random-batch.js';
import { Turns } from './turns.js';
import { Users } from './users.js';

export interface ConnectionContext extends ServiceContext {
  readonly outputs: OutputChunks;
  readonly users: Users;
  readonly batch: RandomBatch;
  readonly turns: Turns;
}

/** What the daemon gives. */
export type Given = Pick<ServiceContext, 'generator' | 'limits' | 'version' | 'transitions'>;

/** Starts with nothing counted and nobody there. */
export function createContext(given: Given): ConnectionContext {
  const { generator, limits } = given;
  const counters = new Counters();
  const batch = new RandomBatch(generator, counters);
  return {
    ...given,
    counters,
    startedAt: Date.now(),
    outputs: new OutputChunks(generator, limits),
    users: new Users(limits),
    batch,
    turns: new Turns(batch),
  };
}
