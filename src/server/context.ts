/** What all connections share. */
import type { Limits } from '../config.js';
import type { Generator } from '../generator.js';
import { Counters } from '../metrics.js';
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

/**
 * Starts with nothing counted and nobody there.
 * @param limits read at every use, so that a change to them holds from then on
 * @param version what `version` and `status` tell
 */
export function createContext(
  generator: Generator,
  limits: Limits,
  version: string,
): ConnectionContext {
  const counters = new Counters();
  const batch = new RandomBatch(generator, counters);
  return {
    generator,
    counters,
    limits,
    version,
    startedAt: Date.now(),
    outputs: new OutputChunks(generator, limits),
    users: new Users(limits),
    batch,
    turns: new Turns(batch),
  };
}
