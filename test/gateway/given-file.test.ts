import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { maxFileBytes, readGivenFile } from '../../src/gateway/given-file.js';

const dir = t.testdir({ private: 'WonderfulSecret', folder: {} });
const path = join(dir, 'private');

t.test('gives the bytes of a file that is its owner’s alone', async (t) => {
  for (const mode of [0o600, 0o400]) {
    chmodSync(path, mode);
    t.equal(String(await readGivenFile(path, 'key', true)), 'WonderfulSecret', mode.toString(8));
  }
  symlinkSync('private', join(dir, 'link'));
  t.equal(String(await readGivenFile(join(dir, 'link'), 'key', true)), 'WonderfulSecret', 'a link');
});

t.test('refuses a secret that anybody else has any permission on', async (t) => {
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666]) {
    chmodSync(path, mode);
    await t.rejects(
      readGivenFile(path, 'TLS key', true),
      {
        code: 'ERR_CONFIG',
        message: `TLS key ${path}: mode 0${mode.toString(8)} lets other users reach it; chmod 600 it`,
      },
      mode.toString(8),
    );
    t.equal(
      String(await readGivenFile(path, 'certificate', false)),
      'WonderfulSecret',
      'no secret',
    );
  }
  chmodSync(path, 0o600);
});

t.test(
  'refuses a secret of another user',
  { skip: process.geteuid?.() !== 0 && 'needs root' },
  async (t) => {
    const foreign = join(dir, 'foreign');
    writeFileSync(foreign, 'x', { mode: 0o600 });
    execFileSync('chown', ['65534', foreign]);
    await t.rejects(readGivenFile(foreign, 'key', true), {
      code: 'ERR_CONFIG',
      message: `key ${foreign}: it belongs to user 65534, and this process runs as user 0; chown it`,
    });
    t.equal(String(await readGivenFile(foreign, 'certificate', false)), 'x');
  },
);

t.test('refuses what is no file, at once, and what is too large', async (t) => {
  const fifo = join(dir, 'fifo');
  execFileSync('mkfifo', ['-m', '600', fifo]);
  const large = join(dir, 'large');
  writeFileSync(large, '', { mode: 0o600 });
  for (const [name, message] of [
    [fifo, `key ${fifo}: want a regular file`],
    [join(dir, 'folder'), /folder: want a regular file$/],
    ['/dev/null', 'key /dev/null: want a regular file'],
    ['', /^key : ENOENT/],
    [join(dir, 'missing'), /^key .*missing: ENOENT: /],
  ] as const)
    await t.rejects(readGivenFile(name, 'key', true), { code: 'ERR_CONFIG', message }, name);
  writeFileSync(large, Buffer.alloc(maxFileBytes));
  t.equal((await readGivenFile(large, 'key', true)).length, maxFileBytes);
  writeFileSync(large, Buffer.alloc(maxFileBytes + 1));
  await t.rejects(readGivenFile(large, 'key', true), { message: /larger than 1048576 bytes$/ });
});
