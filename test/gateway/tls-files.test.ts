import { X509Certificate } from 'node:crypto';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { certificateExpiry, loadTls } from '../../src/gateway/tls-files.js';
import { makeCertificate } from '../support/certificates.js';

const dir = t.testdir({});
const one = makeCertificate(dir, 'one');
const two = makeCertificate(dir, 'two');

t.test('gives certificate and key, and TLS 1.2 as the lowest', async (t) => {
  t.equal(statSync(one.key).mode & 0o077, 0);
  const { cert, key, minVersion } = await loadTls(one);
  t.equal(minVersion, 'TLSv1.2');
  t.match(String(cert), 'BEGIN CERTIFICATE');
  t.match(String(key), 'PRIVATE KEY');
});

t.test('refuses what cannot be used, and tells nothing of the key', async (t) => {
  const garbage = join(dir, 'garbage');
  writeFileSync(garbage, 'WonderfulSecret', { mode: 0o600 });
  const open = join(dir, 'open.key');
  writeFileSync(open, 'WonderfulSecret', { mode: 0o644 });
  chmodSync(open, 0o644);
  for (const [title, paths, message] of [
    ['of each other', { ...one, key: two.key }, /one\.pem and key .*two\.key: .*mismatch/],
    ['no certificate', { ...one, certificate: garbage }, /^TLS certificate .*garbage and key /],
    ['no key', { ...one, key: garbage }, /garbage: /],
    ['a key that others reach', { ...one, key: open }, /^TLS key .*mode 0644 lets other users/],
    ['a missing file', { ...one, key: join(dir, 'none') }, /^TLS key .*none: ENOENT/],
  ] as const) {
    await t.rejects(loadTls(paths), { code: 'ERR_CONFIG', message }, title);
    const text = await loadTls(paths).catch(String);
    t.notMatch(text, /Wonderful|BEGIN/, title);
  }
});

t.test('a chain expires with the first of its certificates', async (t) => {
  const later = makeCertificate(dir, 'later', 30);
  const end = ({ ca }: { ca: Buffer }) => Date.parse(new X509Certificate(ca).validTo) / 1000;
  t.ok(end(later) > end(one) + 86_400);
  for (const [name, chain, wanted] of [
    ['one alone', [one], end(one)],
    ['the other alone', [later], end(later)],
    ['the first ends first', [one, later], end(one)],
    ['the last ends first', [later, one], end(one)],
  ] as const) {
    const cert = Buffer.from(chain.map(({ ca }) => `a comment\n${ca}`).join(''));
    t.equal(certificateExpiry({ cert }), wanted, name);
  }
});
