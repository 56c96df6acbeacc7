/** The package export `entropyd/generator`: the generator in the calling process, without a daemon. */
export { createGenerator } from './generator/create.js';
export type {
  Generator,
  GeneratorOptions,
  GeneratorState,
  GeneratorStatus,
  Health,
  OnTransition,
} from './generator/interface.js';
