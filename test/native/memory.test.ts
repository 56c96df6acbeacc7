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

/** Whether RLIMIT_MEMLOCK lets this process lock `size` bytes beside what it has locked. */
function canLock(size: number): boolean {
  const limit = /^Max locked memory +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  const locked = /^VmLck:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return (
    process.getuid?.() === 0 ||
    limit === 'unlimited' ||
    Number(limit) >= Number(locked) * 1024 + size
  );
}

t.test('buffers are locked, left out of core dumps and wiped on fork', async (t) => {
  const size = 4096 * 37; // unlike any other mapping
  t.strictSame(flagsOf(size), [], 'no mapping of this size before');
  const buffer = addon.allocate(size);
  const flags = flagsOf(size);
  if (canLock(size)) t.ok(flags.includes('lo'), 'locked in RAM');
  else t.comment('the limit of locked memory is too low: locking is not tested');
  for (const [flag, meaning] of [
    ['dd', 'not dumped'],
    ['wf', 'wiped on fork'],
  ] as const)
    t.ok(flags.includes(flag), meaning);
  t.equal(buffer.length, size);
});

t.test('a buffer is not part of the shared slab, and wipe leaves zeros', async (t) => {
  const buffer = addon.allocate(64);
  t.equal(buffer.buffer.byteLength, 64);
  buffer.fill(7);
  addon.wipe(buffer, 8, 8);
  t.strictSame([...buffer.subarray(6, 18)], [7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 7, 7]);
});
