import { readFileSync } from 'node:fs';
import t from 'tap';
import { type Addon, loadAddon } from '../../src/common/package.js';

const addon = loadAddon().addon as Addon;

/** The kernel's flags of the mapping that is exactly `size` bytes large (proc(5), VmFlags). */
function flagsOf(size: number): string[] {
  const mappings = readFileSync('/proc/self/smaps', 'utf8').split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/);
  const mapping = mappings.find((text) =>
    text.includes(`\nSize: ${String(size / 1024).padStart(18)} kB`),
  );
  return (
    /VmFlags: (.*)/
      .exec(mapping ?? '')?.[1]
      ?.trim()
      .split(' ') ?? []
  );
}

t.test('buffers are locked, left out of core dumps and wiped on fork', async (t) => {
  const size = 4096 * 37; // of no other mapping
  t.strictSame(flagsOf(size), [], 'there is none of this size before');
  const buffer = addon.allocate(size);
  const flags = flagsOf(size);
  for (const [flag, meaning] of [
    ['lo', 'locked in RAM'],
    ['dd', 'not dumped'],
    ['wf', 'wiped on fork'],
  ] as const)
    t.ok(flags.includes(flag), meaning);
  t.equal(buffer.length, size);
});

t.test('a buffer is not of the shared slab, and wipe leaves zeros', async (t) => {
  const buffer = addon.allocate(64);
  t.equal(buffer.buffer.byteLength, 64);
  buffer.fill(7);
  addon.wipe(buffer, 8, 8);
  t.strictSame([...buffer.subarray(6, 18)], [7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7]);
});
