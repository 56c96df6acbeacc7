/** What a credential's `allow` may hold: a further API adds its operation here. */

/** Operations that give random bytes. A credential without `allow` may use them all. */
export const randomOperations = ['GenerateRandom', 'gen-random', 'vault-random'] as const;

export type RandomOperation = (typeof randomOperations)[number];

/** All operations that go on to the upstream. Only a credential that names it may use them. */
const forwarding = 'upstream';

/** One of them, such as `upstream:Decrypt`. */
const oneForwarded = /^upstream:[A-Za-z]{1,64}$/;

/** The names that stand for themselves, for messages. */
export const operationNames: readonly string[] = [
  ...randomOperations,
  forwarding,
  `${forwarding}:Decrypt`,
];

/** Whether `allow` may hold this. */
export function isOperation(name: string): boolean {
  return [...randomOperations, forwarding].includes(name) || oneForwarded.test(name);
}

/** Whether an operation of the upstream is allowed. */
export function allowsForwarding(allow: ReadonlySet<string>, operation: string): boolean {
  return allow.has(forwarding) || allow.has(`${forwarding}:${operation}`);
}
