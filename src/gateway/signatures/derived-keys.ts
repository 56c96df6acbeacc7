/** Signing keys of AWS Signature Version 4: derived from the secret, once a day and region. */
import { createHmac } from 'node:crypto';

/** Keys kept; a client needs one a day and region. Ours: 1024 keys are 32 KiB. */
export const maxDerivedKeys = 1024;

/** Derived keys, kept. */
export interface DerivedKeys {
  /**
   * The key that a secret has for a scope.
   * @param scope `yyyymmdd/region/service/aws4_request`
   * @returns 32 bytes that stay the cache's: for use at once, before the next call
   */
  get(secretKey: string, scope: string): Buffer;
  /** Wipes and forgets all. Call it when secrets have changed: it also lets go of the old ones. */
  clear(): void;
}

/**
 * A cache with nothing in it. Keys are found by the secret itself, so a secret that has changed under
 * its access key never meets the old one's key; and unknown access keys, for all of which one dummy
 * secret stands, are as fast as known ones. When it is full all are wiped: no order to keep, and
 * who sends invented regions costs the others no more than one derivation each time.
 * @param limit keys kept at most
 */
export function createDerivedKeys(limit = maxDerivedKeys): DerivedKeys {
  const scopesBySecret = new Map<string, Map<string, Buffer>>();
  let size = 0;

  function clear(): void {
    for (const keys of scopesBySecret.values()) for (const key of keys.values()) key.fill(0);
    scopesBySecret.clear();
    size = 0;
  }

  return {
    clear,
    get(secretKey, scope) {
      const kept = scopesBySecret.get(secretKey)?.get(scope);
      if (kept !== undefined) return kept;
      if (size >= limit) clear();
      const key = deriveKey(secretKey, scope);
      const keys = scopesBySecret.get(secretKey) ?? new Map<string, Buffer>();
      scopesBySecret.set(secretKey, keys.set(scope, key));
      size++;
      return key;
    },
  };
}

/**
 * HMAC over each part of the scope in turn, under `AWS4` and the secret first.
 * @param scope `yyyymmdd/region/service/aws4_request`
 * @returns 32 bytes, the caller's to wipe
 */
export function deriveKey(secretKey: string, scope: string): Buffer {
  let key = Buffer.from(`AWS4${secretKey}`);
  for (const part of scope.split('/')) {
    const next = createHmac('sha256', key).update(part).digest();
    key.fill(0);
    key = next;
  }
  return key;
}
