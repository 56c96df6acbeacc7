import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { writing } from '../../src/commands/writing.js';
import { EntropyError } from '../../src/common/errors.js';
import { temporaryFolder } from '../support.js';

t.test('what is written is there when all went well', async (t) => {
  const path = join(temporaryFolder(), 'file');
  await writing(path, async (write) => {
    await write('whole');
    t.notOk(existsSync(path));
  });
  t.equal(readFileSync(path, 'utf8'), 'whole');
});

t.test('whatever fails, nothing is left, and it is told as it is', async (t) => {
  const path = join(temporaryFolder(), 'failed');
  const failing = (error: Error) =>
    writing(path, async (write) => {
      await write('half');
      throw error;
    });
  await t.rejects(failing(new EntropyError('ERR_HEALTH', 'x')), { code: 'ERR_HEALTH' });
  await t.rejects(failing(new TypeError('a bug')), { name: 'TypeError' });
  t.notOk(existsSync(path));
});

t.test('a fault of the output has its path and advice', async (t) => {
  for (const [path, message] of [
    ['/dev/full', 'cannot write /dev/full (ENOSPC): there is no space left: '],
    [temporaryFolder(), `cannot write ${temporaryFolder()} (EISDIR): it is a folder`],
  ] as const)
    await t.rejects(
      writing(path, (write) => write('x')),
      { name: 'Error', message: new RegExp(`^${message.replaceAll(/[()/]/g, '\\$&')}`) },
    );
});
