/** The release from another clone: in another folder, by another umask, on another day, signed; the same bytes. */
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ok, sumsOf, withRelease } from './release.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A clone of this tree as it is now: what is not committed yet belongs to what is compared. */
function cloneTo(clone: string): void {
  ok('git', ['clone', '--quiet', '--no-hardlinks', root, clone]);
  const changed = ok('git', ['ls-files', '-z', '-mo', '--exclude-standard'], { cwd: root });
  for (const path of changed.split('\0').filter((each) => each !== ''))
    if (statSync(join(root, path), { throwIfNoEntry: false }) === undefined)
      rmSync(join(clone, path), { force: true });
    else cpSync(join(root, path), join(clone, path));
  // A folder of its own, as `npm ci` makes it: a link would give both builds the same paths.
  ok('cp', ['-al', join(root, 'node_modules'), join(clone, 'node_modules')]);
}

await withRelease(async (folder) => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const work = t.testdir({
    somewhere: {},
    'x y': {},
    // apt would refuse lists that are forty days old.
    'apt.conf': 'Acquire::Check-Date "false";\nAcquire::Check-Valid-Until "false";\n',
  });
  const clone = join(work, 'somewhere', 'else');
  const out = join(work, 'x y', 'out');
  let printed = '';

  await t.test('another clone gives equal bytes on another day', async (t) => {
    cloneTo(clone);
    const script = `umask 077; exec faketime -f '+40d' "$0" packaging/release.mjs --out "$1"`;
    printed = ok('sh', ['-c', script, process.execPath, out], {
      cwd: clone,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        TZ: 'Pacific/Chatham',
        LC_ALL: 'C.UTF-8',
        // make compares times of files with one another, not with the clock.
        NO_FAKE_STAT: '1',
        APT_CONFIG: join(work, 'apt.conf'),
        // On that day a server's certificate may be out of date.
        npm_config_prefer_offline: 'true',
        DEB_BUILD_OPTIONS: 'quick',
        ENTROPYD_RELEASE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      },
    });
    t.strictSame(sumsOf(out), sumsOf(folder));
  });

  await t.test('a key signs the digests, and nothing else has a signature', async (t) => {
    t.match(printed, /^Signed: SHA256SUMS\.sig/m);
    const names = (each: string) => readdirSync(each).sort();
    t.strictSame(names(out), [...names(folder), 'SHA256SUMS.sig'].sort());
    const key = join(work, 'public.pem');
    writeFileSync(key, publicKey.export({ type: 'spki', format: 'pem' }));
    const verify = (data: string) =>
      ok('openssl', [
        ...['pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin'],
        ...['-in', data, '-sigfile', join(out, 'SHA256SUMS.sig')],
      ]);
    t.match(verify(join(out, 'SHA256SUMS')), /Verified Successfully/);
    t.throws(() => verify(join(work, 'apt.conf')), 'not of other data');
  });
});
