/** What TLS needs: a certificate and its key, checked together before they are used. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { EntropyError } from '../common/errors.js';
import type { TlsPaths } from '../config/config.js';
import { readGivenFile } from './given-file.js';

/** RFC 8996: 1.0 and 1.1 must not be used. Said aloud: a command line option of node could lower it. */
const minVersion = 'TLSv1.2';

/** As node:https and `setSecureContext` take it. */
export type TlsContext = Required<Pick<SecureContextOptions, 'cert' | 'key' | 'minVersion'>>;

/**
 * Reads certificate and key.
 * @param paths in PEM; the key's file must lie as safe as the credentials file
 * @throws EntropyError `ERR_CONFIG` when a file cannot be read or used, or the two do not belong together
 */
export async function loadTls({ certificate, key }: TlsPaths): Promise<TlsContext> {
  const context: TlsContext = {
    cert: await readGivenFile(certificate, 'TLS certificate', false),
    key: await readGivenFile(key, 'TLS key', true),
    minVersion,
  };
  try {
    createSecureContext(context);
  } catch (cause) {
    const { message } = cause as Error;
    const text = `TLS certificate ${certificate} and key ${key}: ${message}`;
    throw new EntropyError('ERR_CONFIG', text, { cause });
  }
  return context;
}

/** One certificate of a chain in PEM, RFC 7468. */
const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * When clients begin to refuse it: a chain holds as long as each of its certificates.
 * @param tls as {@link loadTls} checked it
 * @returns seconds since 1970
 */
export function certificateExpiry({ cert }: Pick<TlsContext, 'cert'>): number {
  const chain = String(cert).matchAll(pemCertificate);
  const ends = Array.from(chain, ([pem]) => Date.parse(new X509Certificate(pem).validTo));
  return Math.min(...ends) / 1000;
}
