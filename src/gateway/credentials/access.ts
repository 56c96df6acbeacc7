/**
 * Who is known to the gateway, for all APIs: the credentials in force, or nobody. How a request
 * proves whose it is, and how it is refused, is each API's own: apis/.
 */

import { createDerivedKeys, type DerivedKeys } from '../../apis/signing/sigv4.js';
import { type Credential, type Credentials, createCredentials } from './credentials.js';
import type { CredentialsFile } from './credentials-file.js';

/** What authentication depends on. Changed by {@link Access.adopt} alone. */
export interface Access {
  /** undefined: open. Any well-formed signature or token will do, and nobody is known. */
  readonly credentials: Credentials | undefined;
  /** Kept for the credentials in force. */
  readonly derivedKeys: DerivedKeys;
  /** Scopes of signatures for AWS; none: any. */
  readonly regions: readonly string[];
  /** Milliseconds since 1970. */
  now(): number;
  /** Whether a credential has a request left in this second; takes it. */
  take(credential: Credential): boolean;
  /** From now on these credentials and no others. */
  adopt(file: CredentialsFile): void;
}

/** Clocks in milliseconds: since 1970, and one that never goes back. */
export interface Clocks {
  readonly wall: () => number;
  readonly steady: () => number;
}

const systemClocks: Clocks = { wall: Date.now, steady: () => performance.now() };

/**
 * Access for a gateway: open until a file is adopted.
 * @param regions scopes of signatures for AWS; none: any
 */
export function createAccess(regions: readonly string[] = [], clocks = systemClocks): Access {
  let credentials: Credentials | undefined;
  const derivedKeys = createDerivedKeys();
  return {
    get credentials() {
      return credentials;
    },
    derivedKeys,
    regions,
    now: clocks.wall,
    take: ({ bucket }) => bucket?.take(clocks.steady()) ?? true,
    adopt(file) {
      credentials = createCredentials(file, clocks.steady(), credentials);
      derivedKeys.clear();
    },
  };
}
