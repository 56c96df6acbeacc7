/** Loads methods.ts, with msgpackr, once for everybody: it takes longer than the first requests may. */

export type Methods = typeof import('./methods.js');

let loading: Promise<Methods> | undefined;

/**
 * The module is kept here, because Node looks for the file at every `import()`: it may be gone by
 * then, and looking takes longer than a request.
 */
export function loadMethods(): Promise<Methods> {
  loading ??= import('./methods.js');
  return loading;
}
