import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { descriptorLimit, withinDescriptors } from '../../src/common/descriptors.js';
import { defaultLimits } from '../../src/config/config.js';

t.test('the limit of descriptors is the soft one of this process', async (t) => {
  const path = join(t.testdir(), 'limits');
  const head = 'Limit                     Soft Limit           Hard Limit           Units     \n';
  for (const [line, limit] of [
    ['Max open files            1024                 524288               files     ', 1024],
    ['Max open files            unlimited            unlimited            files     ', Infinity],
    ['Max processes             77                   77                   processes ', Infinity],
  ] as const) {
    writeFileSync(path, `${head}${line}\n`);
    t.equal(descriptorLimit(path), limit, line);
  }
  t.equal(descriptorLimit(`${path}.missing`), Infinity);
  t.ok(descriptorLimit() > 2, 'of this process');
});

t.test('connections are limited to what the descriptors allow, with some to spare', async (t) => {
  for (const [descriptors, wanted, connections] of [
    [Infinity, 1_000_000, 1_000_000],
    [1_048_576, 4_096, 4_096],
    [4_096 + 80, 4_096, 4_096],
    [1_024, 4_096, 944],
    [1_024, 100, 100],
    [64, 4_096, 1],
  ] as const) {
    const limits = { ...defaultLimits, connections: wanted };
    t.strictSame(withinDescriptors(limits, descriptors), { ...limits, connections });
  }
});
