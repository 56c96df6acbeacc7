import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadGivenFiles } from '../../src/gateway/given-files.js';
import { makeCertificate } from '../support/certificates.js';

const dir = t.testdir();
const credentials = join(dir, 'credentials.toml');
writeFileSync(credentials, '[[token]]\nname = "t"\ntoken = "abc"\n', { mode: 0o600 });
const audit = join(dir, 'audit');
const tls = makeCertificate(dir, 'tls');

t.test('loads what is named and nothing else', async (t) => {
  t.strictSame(await loadGivenFiles({}), {
    credentials: undefined,
    tls: undefined,
    audit: undefined,
  });
  const files = await loadGivenFiles({ credentials, tls, audit: '-' });
  t.match(files, { credentials: { token: [{ name: 't' }] }, audit: 1, tls: { cert: Buffer } });
});

t.test('where one is at fault nothing is made and nothing stays open', async (t) => {
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  writeFileSync(join(dir, 'bad'), '[[token]]\nname = "t"\ntoken = 1\n', { mode: 0o600 });
  for (const [paths, message] of [
    [{ credentials: join(dir, 'bad'), tls, audit }, /bad:3: token\[0\]\.token: want a string$/],
    [{ credentials: '', tls, audit }, /^credentials file : ENOENT/],
    [{ credentials, tls: { ...tls, key: join(dir, 'none') }, audit }, /^TLS key .*ENOENT/],
    [{ credentials, tls, audit: dir }, /^audit file .*EISDIR/],
  ] as const)
    await t.rejects(loadGivenFiles(paths), { code: 'ERR_CONFIG', message });
  t.notOk(existsSync(audit));
  t.equal(open(), before);
  const { audit: descriptor } = await loadGivenFiles({ credentials, tls, audit });
  t.ok(statSync(audit).isFile());
  t.equal(open(), before + 1, `descriptor ${descriptor}`);
});
