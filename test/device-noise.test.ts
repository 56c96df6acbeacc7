import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { readDevice } from '../src/device-noise.js';
import { temporaryFolder } from './support.js';

t.test('what the device gives, from its beginning', async (t) => {
  const path = join(temporaryFolder(), 'device');
  writeFileSync(path, Uint8Array.of(1, 2, 3, 4));
  t.strictSame(await readDevice(path, 3), Uint8Array.of(1, 2, 3));
  t.equal((await readDevice('/dev/zero', 100_000)).length, 100_000);
});

t.test('one that has nothing yet is waited for, and holds no thread', async (t) => {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const writer = openSync(path, constants.O_RDWR);
  const reading = readDevice(path, 4);
  for (const byte of [5, 6, 7, 8]) {
    await setTimeout(20);
    writeSync(writer, Uint8Array.of(byte));
  }
  t.strictSame(await reading, Uint8Array.of(5, 6, 7, 8));

  const clock = performance.now();
  t.intercept(performance, 'now', { value: () => clock + late });
  let late = 0;
  const never = readDevice(path, 4);
  late = 31_000;
  await t.rejects(never, { code: 'ERR_ENTROPY', message: /gave 0 of 4 bytes in time/ });
  closeSync(writer);
});

t.test('one that ends or is not there is told, with its path', async (t) => {
  const path = join(temporaryFolder(), 'short');
  writeFileSync(path, Uint8Array.of(1, 2));
  for (const [name, reason] of [
    [path, /short: ends after 2 of 3 bytes/],
    [join(temporaryFolder(), 'none'), /ENOENT/],
    ['/', /EISDIR/],
  ] as const)
    await t.rejects(readDevice(name, 3), { code: 'ERR_ENTROPY', message: reason });
});
