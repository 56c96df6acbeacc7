/** TLS certificate and key, checked together before they are used. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { EntropyError } from '../common/errors.js';
import { type Reader, readPrivateFile, self } from '../common/private-file.js';
import type { TlsPaths } from '../config/config.js';

/** RFC 8996: 1.0 and 1.1 must not be used. Explicit: a command line option of node could lower it. */
const minVersion = 'TLSv1.2';

/**
 * The suites of TLS 1.3, and of 1.2 those with forward secrecy and authenticated encryption (RFC 9325 4):
 * node's own list also has CBC. Explicit for the same reason.
 */
const ciphers = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  ...['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305'].flatMap((cipher) => [
    `ECDHE-ECDSA-${cipher}`,
    `ECDHE-RSA-${cipher}`,
  ]),
].join(':');

/** As node:https and `setSecureContext` take it. */
export type TlsContext = Required<
  Pick<SecureContextOptions, 'cert' | 'key' | 'minVersion' | 'ciphers'>
>;

/**
 * Reads certificate and key.
 * @param paths in PEM; the key's file must be as safe as the credentials file
 * @param reader for whom it must be
 * @throws EntropyError `ERR_CONFIG` if a file cannot be read or used, or the two do not belong together
 */
export async function loadTls(
  { certificate, key }: TlsPaths,
  reader: Reader | 'owner' = self,
): Promise<TlsContext> {
  const context = tlsContext(
    await readPrivateFile(certificate, 'TLS certificate', 'gateway.tls_cert', undefined),
    await readPrivateFile(key, 'TLS key', 'gateway.tls_key', reader),
  );
  try {
    createSecureContext(context);
  } catch (cause) {
    const { message } = cause as Error;
    const text = `TLS certificate ${certificate} and key ${key}: ${message}`;
    throw new EntropyError('ERR_CONFIG', text, { cause, key: 'gateway.tls_cert' });
  }
  return context;
}

/** Certificate and key, in PEM, under the rules of every listener. */
export function tlsContext(cert: TlsContext['cert'], key: TlsContext['key']): TlsContext {
  return { cert, key, minVersion, ciphers };
}

/** One certificate of a chain in PEM, RFC 7468. */
const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * When clients begin to refuse it: a chain is valid as long as each of its certificates.
 * @param tls as {@link loadTls} checked it
 * @returns seconds since 1970
 */
export function certificateExpiry({ cert }: Pick<TlsContext, 'cert'>): number {
  const chain = String(cert).matchAll(pemCertificate);
  const ends = Array.from(chain, ([pem]) => Date.parse(new X509Certificate(pem).validTo));
  return Math.min(...ends) / 1000;
}
