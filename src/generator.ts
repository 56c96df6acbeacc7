/** The package export `entropyd/generator`: the generator in the caller's own process. */
export { createGenerator } from './generator/create.js';
export type {
  Generator,
  GeneratorOptions,
  GeneratorState,
  GeneratorStatus,
  Health,
  OnTransition,
} from './generator/interface.js';
