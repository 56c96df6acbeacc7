/** The files that a gateway is given: credentials, certificate and key, audit log; all, or none. */
import type { GatewayConfig } from '../config/config.js';
import { openAuditFile } from './audit.js';
import { type CredentialsFile, parseCredentialsFile } from './auth/credentials-file.js';
import { loadTls, readGivenFile, type TlsContext } from './private-files.js';

/** Where they are; undefined: not used. */
export type GivenPaths = {
  readonly [name in 'credentials' | 'tls' | 'audit']?: GatewayConfig[name] | undefined;
};

/** What was found there, checked; the caller's, the descriptor included. */
export interface GivenFiles {
  readonly credentials: CredentialsFile | undefined;
  readonly tls: TlsContext | undefined;
  /** A descriptor of {@link openAuditFile}. */
  readonly audit: number | undefined;
}

/**
 * Reads and opens all of them; where one is at fault nothing stays open.
 * @throws EntropyError `ERR_CONFIG`
 */
export async function loadGivenFiles(paths: GivenPaths): Promise<GivenFiles> {
  // An empty path is a fault too, not the same as none.
  const { credentials, tls, audit } = paths;
  return {
    credentials: credentials === undefined ? undefined : await loadCredentials(credentials),
    tls: tls === undefined ? undefined : await loadTls(tls),
    // Last: there is nothing to close when one of them fails.
    audit: audit === undefined ? undefined : await openAuditFile(audit),
  };
}

async function loadCredentials(path: string): Promise<CredentialsFile> {
  const bytes = await readGivenFile(path, 'credentials file', true);
  try {
    return parseCredentialsFile(bytes.toString(), path);
  } finally {
    bytes.fill(0);
  }
}
