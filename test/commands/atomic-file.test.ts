import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { createAtomicFile } from '../../src/commands/atomic-file.js';
import { built, temporaryFolder } from '../support.js';

let folders = 0;
function freshFolder(): string {
  const folder = join(temporaryFolder(), `atomic-${++folders}`);
  mkdirSync(folder);
  return folder;
}

t.test(
  'a file is there when it is finished, whole and with its mode, and not before',
  async (t) => {
    const folder = freshFolder();
    const path = join(folder, 'file');
    for (const mode of [0o600, 0o644, 0o666]) {
      const before = readdirSync(folder).length;
      const file = await createAtomicFile(path, { mode });
      await file.write('one ');
      await file.write(Buffer.from(`mode ${mode}`));
      t.equal(readdirSync(folder).filter((name) => name === 'file').length, before);
      await file.finish();
      file.discard();
      t.equal(readFileSync(path, 'utf8'), `one mode ${mode}`);
      t.equal(statSync(path).mode & 0o7777, mode, 'whatever the umask');
      t.strictSame(readdirSync(folder), ['file']);
    }
  },
);

t.test('what is discarded leaves what was there, and nothing else', async (t) => {
  const folder = freshFolder();
  const path = join(folder, 'file');
  writeFileSync(path, 'old');
  const listeners = process.listenerCount('exit');
  const file = await createAtomicFile(path, { mode: 0o600 });
  await file.write('new');
  file.discard();
  file.discard();
  t.strictSame(readdirSync(folder), ['file']);
  t.equal(readFileSync(path, 'utf8'), 'old');
  t.equal(process.listenerCount('exit'), listeners);
});

t.test('an old file’s mode is kept where that is asked for, never its special bits', async (t) => {
  const path = join(freshFolder(), 'file');
  writeFileSync(path, 'old');
  chmodSync(path, 0o4640);
  const file = await createAtomicFile(path, { mode: 0o600, replaces: statSync(path) });
  await file.finish();
  t.equal(statSync(path).mode & 0o7777, 0o640);
});

t.test('a symbolic link stays, and its file is replaced', async (t) => {
  const folder = freshFolder();
  const [path, link] = [join(folder, 'file'), join(folder, 'link')];
  writeFileSync(path, 'old');
  symlinkSync('file', link);
  const file = await createAtomicFile(link, { mode: 0o600 });
  await file.write('new');
  await file.finish();
  t.ok(lstatSync(link).isSymbolicLink());
  t.equal(readFileSync(path, 'utf8'), 'new');
});

t.test('a folder that is not there fails at once', async (t) => {
  const path = join(freshFolder(), 'none', 'file');
  await t.rejects(createAtomicFile(path, { mode: 0o600 }), { code: 'ENOENT' });
});

t.test('the end of the process by its exit event leaves nothing', async (t) => {
  const folder = freshFolder();
  const script = `const { createAtomicFile } = await import(${JSON.stringify(built('commands/atomic-file'))});
    const file = await createAtomicFile(process.argv[1], { mode: 0o600 });
    await file.write('half');
    process.exit(130);`;
  const args = ['--input-type=module', '-e', script, join(folder, 'file')];
  t.equal(spawnSync(process.execPath, args).status, 130);
  t.strictSame(readdirSync(folder), []);
});

t.test('from the moment that it is seen, the end of the process removes it', async (t) => {
  for (let i = 0; i < 20; i++) {
    const folder = freshFolder();
    const listeners = process.listenerCount('exit');
    const making = createAtomicFile(join(folder, 'file'), { mode: 0o600 });
    while (readdirSync(folder).length === 0) await setImmediate();
    t.equal(process.listenerCount('exit'), listeners + 1);
    (await making).discard();
    t.equal(process.listenerCount('exit'), listeners);
    t.strictSame(readdirSync(folder), []);
  }
});
