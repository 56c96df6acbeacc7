/** One credentials file for all tests: its keys and tokens, its clock, and who it knows. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Operation } from '../../src/apis/api.js';
import { defaultOperations, operationsOf } from '../../src/apis/list.js';
import { createAccess, type GatewayAccess } from '../../src/gateway/auth/credentials.js';
import { parseCredentialsFile } from '../../src/gateway/auth/credentials-file.js';
import type { Signer } from './signing/signed-calls.js';

/** When the tests take place, unless they say otherwise. */
export const now = Date.UTC(2026, 5, 1);
export const minute = 60_000;
export const day = 24 * 60 * minute;

/** When what expires in the file does. */
export const expiry = now + day;

/**
 * A key and a token of each kind, named by it: `default` has nothing but its secret; `limited` may ask
 * twice a second; `denied` nothing; `temporary` expires, and its key has a session token; `project`
 * belongs to one.
 */
export const credentials = ['default', 'limited', 'denied', 'temporary', 'project']
  .flatMap((kind) => {
    const more = {
      default: '',
      limited: 'requests_per_second = 2',
      denied: 'allow = []',
      temporary: `expires = ${new Date(expiry).toISOString()}`,
      project: 'project_id = "project"',
    }[kind];
    const session = kind === 'temporary' ? 'session_token = "session"' : '';
    return [
      `[[key]]\nname = "${kind}-key"\naccess_key = "AK-${kind}"\nsecret_key = "secret-${kind}"\n${session}\n${more}`,
      `[[token]]\nname = "${kind}-token"\ntoken = "token-${kind}"\n${more}`,
    ];
  })
  .join('\n');

export type Kind = 'default' | 'limited' | 'denied' | 'temporary' | 'project';

/** Signs with a key of the file. */
export function signerOf(kind: Kind, changed: Partial<Signer> = {}): Signer {
  const session = kind === 'temporary' ? { sessionToken: 'session' } : {};
  return {
    accessKey: `AK-${kind}`,
    secretKey: `secret-${kind}`,
    time: now,
    ...session,
    ...changed,
  };
}

/** A token of the file. */
export const tokenOf = (kind: Kind) => `token-${kind}`;

/** Access as the TOML of a credentials file grants it; both clocks stand at `clock`. */
export function accessOf(
  toml = credentials,
  { at = now, operations = operationsOf() }: { at?: number; operations?: Operation[] } = {},
): GatewayAccess & { clock: number } {
  const clock = () => access.clock;
  const opened = createAccess(defaultOperations(operations), { wall: clock, steady: clock });
  // The accessors of what is in force stay accessors.
  const access: GatewayAccess & { clock: number } = Object.defineProperty(
    opened as GatewayAccess & { clock: number },
    'clock',
    { value: at, writable: true },
  );
  access.adopt(parseCredentialsFile(toml, 'credentials.toml', operations));
  return access;
}

/** Writes a file that is its owner's alone. @returns its path */
export function writePrivate(dir: string, name: string, content = credentials): string {
  const path = join(dir, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}
