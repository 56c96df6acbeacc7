/** Certificates for tests, made by the openssl command; good for 127.0.0.1, localhost and what a test adds. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of two files in PEM, and what a client trusts. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
  readonly ca: Buffer;
}

/** What `-newkey` of the command takes. */
const p256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];

/**
 * Makes a certificate that signs itself.
 * @param dir where its files go: `NAME.pem` and `NAME.key`
 * @param days that it is good for
 * @param names of other hosts
 */
export function makeCertificate(
  dir: string,
  name: string,
  days = 2,
  newKey = p256,
  names: readonly string[] = [],
): Certificate {
  const [certificate, key] = [join(dir, `${name}.pem`), join(dir, `${name}.key`)];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', ...newKey, '-nodes'],
      ...['-subj', `/CN=${name}`],
      ...['-addext', ['subjectAltName=IP:127.0.0.1', 'localhost', ...names].join(',DNS:')],
      ...['-days', String(days), '-out', certificate, '-keyout', key],
    ],
    { stdio: 'ignore' },
  );
  return { certificate, key, ca: readFileSync(certificate) };
}
