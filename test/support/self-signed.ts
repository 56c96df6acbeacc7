/** A key and a certificate that nobody vouches for, made by the openssl command. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';

/** For localhost and 127.0.0.1; undefined where there is no openssl. */
export function selfSigned(t: Test): { key: Buffer; cert: Buffer } | undefined {
  const dir = t.testdir();
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const { status } = spawnSync('openssl', [
    ...'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'.split(' '),
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', key, '-out', cert],
  ]);
  return status === 0 ? { key: readFileSync(key), cert: readFileSync(cert) } : undefined;
}
