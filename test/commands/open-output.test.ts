import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  createReadStream,
  existsSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { openOutput } from '../../src/commands/open-output.js';
import { printedBy, temporaryFolder } from '../support.js';

t.test('no path, and /dev/stdout, are standard output', async (t) => {
  for (const path of [undefined, '/dev/stdout'])
    t.equal(
      await printedBy(t, async () => {
        const output = await openOutput(path);
        await output.write('to ');
        await output.write(Buffer.from('be read'));
        await output.finish();
      }),
      'to be read',
    );
});

t.test('a device is written straight, and stays a device', async (t) => {
  const output = await openOutput('/dev/null');
  await output.write('gone');
  await output.finish();
  output.discard();
  t.ok(statSync('/dev/null').isCharacterDevice());
  const full = await openOutput('/dev/full');
  await t.rejects(full.write('x'), { code: 'ENOSPC' });
  full.discard();
});

t.test('a FIFO is written straight', async (t) => {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const reading = createReadStream(path);
  const [output, read] = await Promise.all([
    openOutput(path).then(async (output) => {
      await output.write('through');
      await output.finish();
      return output;
    }),
    text(reading),
  ]);
  output.discard();
  t.equal(read, 'through');
  t.ok(statSync(path).isFIFO());
});

t.test('a descriptor below /dev/fd is no file to replace', async (t) => {
  const path = join(temporaryFolder(), 'descriptor');
  const script = 'exec 5>"$1"; exec "$0" --input-type=module -e "$2" 5';
  const code = `const { openOutput } = await import(${JSON.stringify(new URL('../../dist/commands/open-output.js', import.meta.url).href)});
    for (const path of ['/dev/fd/5', '/proc/self/fd/5']) {
      const output = await openOutput(path);
      await output.write(path);
      await output.finish();
    }`;
  execFileSync('sh', ['-c', script, process.execPath, path, code]);
  t.equal(readFileSync(path, 'utf8'), '/proc/self/fd/5', 'as the shell’s > does');
});

t.test('any other path is a file of its owner alone, or keeps its mode', async (t) => {
  const path = join(temporaryFolder(), 'plain');
  const write = async (text: string, options?: Parameters<typeof openOutput>[1]) => {
    const output = await openOutput(path, options);
    await output.write(text);
    await output.finish();
  };
  await write('one');
  t.equal(statSync(path).mode & 0o777, 0o600);
  chmodSync(path, 0o640);
  await write('two');
  t.equal(statSync(path).mode & 0o777, 0o640);
  await write('three', { mode: 0o644, keepsMode: false });
  t.equal(statSync(path).mode & 0o777, 0o644);
  t.equal(readFileSync(path, 'utf8'), 'three');
});

t.test('what is no place for a file is refused', async (t) => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  await t.rejects(openOutput(temporaryFolder()), { code: 'EISDIR' });
  await t.rejects(openOutput(join(file, 'x')), { code: 'ENOTDIR' });
  await t.rejects(openOutput(join(temporaryFolder(), 'none', 'x')), { code: 'ENOENT' });
  t.ok(existsSync(file));
});
