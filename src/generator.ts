/** The package export `entropyd/generator`: the in-process generator, without a daemon. */
export { createGenerator } from './generator/create.js';
export type {
  Generator,
  GeneratorOptions,
  GeneratorState,
  GeneratorStatus,
  Health,
  OnTransition,
} from './generator/interface.js';
