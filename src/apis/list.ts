/** Every API, in the order of their error members and examples. No other file names them all. */
import { EntropyError } from '../common/errors.js';
import type { ApiEntry, Operation } from './api.js';
import { awsKms } from './aws-kms/api.js';
import { awsSecretsManager } from './aws-secrets-manager/api.js';
import { azureManagedHsm } from './azure-managed-hsm/api.js';
import { googleKms } from './google-kms/api.js';
import { huaweiKms } from './huawei-kms/api.js';
import { vault } from './vault/api.js';

export const apis = [
  awsKms,
  awsSecretsManager,
  huaweiKms,
  googleKms,
  vault,
  azureManagedHsm,
] as const satisfies readonly ApiEntry[];

/** All of a union's members at once. */
type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (
  all: infer All,
) => void
  ? All
  : never;

/** What the APIs read of the gateway's configuration: the compiler checks that it has all of it. */
export type ApiSettings = Intersection<Parameters<(typeof apis)[number]['create']>[0]>;

/**
 * The APIs that a gateway serves, in the list's order.
 * @param names of `[gateway] apis`; undefined: all
 * @throws EntropyError `ERR_CONFIG`: no API has such a name
 */
export function servedApis(
  names: readonly string[] | undefined,
  entries: readonly ApiEntry[],
): readonly ApiEntry[] {
  if (names === undefined) return entries;
  const known = entries.map(({ name }) => name);
  for (const name of names)
    if (!known.includes(name))
      throw new EntropyError('ERR_CONFIG', `no API "${name}": want some of ${known.join(', ')}`, {
        key: 'gateway.apis',
      });
  return entries.filter(({ name }) => names.includes(name));
}

/** What a credential's `allow` may grant. */
export function operationsOf(entries: readonly ApiEntry[] = apis): Operation[] {
  return entries.flatMap(({ operations }) => operations);
}

/** Whether `allow` may hold this name. */
export function isOperation(name: string, operations: readonly Operation[]): boolean {
  return operations.some((each) => each.name === name || each.pattern?.test(name) === true);
}

/** What a credential without `allow` may do. */
export function defaultOperations(operations: readonly Operation[]): string[] {
  return operations.filter(({ byDefault }) => byDefault).map(({ name }) => name);
}
