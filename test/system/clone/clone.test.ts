/**
 * Copies of one virtual machine, resumed from a snapshot between two draws from the generator: from
 * which draw on do they differ?
 *
 * Guaranteed: with RDRAND, every generate that begins after the resume differs, even if the
 * hypervisor does not change the VM generation ID. Without RDRAND, every generate that begins after
 * the kernel has reseeded for a new ID.
 *
 * Not guaranteed: without RDRAND the additional input is getrandom(2), which repeats until the
 * kernel has handled the event of the new ID. In this gap, which the test reports, copies generate
 * the same bytes. If the ID does not change, or the kernel has no driver for it, the gap lasts
 * until the kernel reseeds by itself, once a minute, or the generator reseeds from sources that
 * differ. The generator in the guest never reseeds: a reseed would shorten the gap by luck.
 */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { temporaryFolder } from '../../support/paths.js';
import { Guest, impossible, makeGuest, type Settings } from './guest.js';

const wholeMs = 900_000;

/** VM generation IDs of the machine that is copied, and of two copies. */
const parentId = '5c2f6d0a-54f1-4a55-9a3c-0d6f0a7b1e00';
const newIds = ['5c2f6d0a-54f1-4a55-9a3c-0d6f0a7b1e01', '5c2f6d0a-54f1-4a55-9a3c-0d6f0a7b1e02'];

/** clone_guest.cc reports its progress once in so many draws. */
const drawsPerReport = 256;
/** Reports until a copy ends: after its kernel has noticed, or after the resume if it cannot. */
const reports = { newId: 3, oldId: 8 };

/** One draw of clone_guest.cc. */
interface Draw {
  /** The guest's monotonic clock before the draw, ns. */
  at: bigint;
  /** Bytes of getrandom(2), read before those of the generator. */
  kernel: string;
  output: string;
}

interface Copy {
  /** All draws, first those before the snapshot. */
  draws: Draw[];
  /** Output after the resume of a DRBG without additional input. */
  bare: string[];
}

const machines = [
  {
    rule: 'with RDRAND, copies differ from the first generate on',
    cpu: 'max',
    hasRdrand: true,
  },
  {
    rule: 'without RDRAND, copies differ as soon as the kernel has noticed',
    cpu: 'max,-rdrand,-rdseed',
    hasRdrand: false,
  },
];

t.setTimeout(wholeMs);
const reason = impossible();
if (reason === undefined) {
  const folder = await makeGuest();
  for (const { rule, cpu, hasRdrand } of machines)
    await t.test(rule, (t) => clone(t, { folder, cpu }, hasRdrand));
} else if (process.env.CI === 'true') t.fail(`a virtual machine: ${reason}`);
else t.plan(0, `no virtual machine: ${reason}`);

/** Resumes a copy, has it draw on for a while after its kernel has noticed, and ends it. */
async function resume(t: Test, settings: Settings): Promise<Copy> {
  const guest = await Guest.start(t, settings);
  const { console, program } = guest;
  const isNew = settings.guid !== parentId;
  if (isNew) await console.says(/random: crng reseeded due to virtual machine fork/);
  program.skip();
  for (let i = isNew ? reports.newId : reports.oldId; i > 0; i--) await program.says(/^drawn /);
  program.send('');
  await program.says(/^end$/);
  await guest.end();
  const said = (word: string) =>
    program.lines
      .map((line) => line.split(' '))
      .filter(([first]) => first === word)
      .map(([, ...rest]) => rest as [string, string, string]);
  return {
    draws: said('draw').map(([at, kernel, output]) => ({ at: BigInt(at), kernel, output })),
    bare: said('bare').map(([output]) => output),
  };
}

/** Compares the draws of two copies by their number. */
function compare(one: Copy, other: Copy) {
  const size = Math.min(one.draws.length, other.draws.length);
  /** The first draw that differs in `member`, or `size`. */
  const first = (member: keyof Draw) => {
    const found = one.draws.findIndex((draw, i) => draw[member] !== other.draws[i]?.[member]);
    return found < 0 ? size : Math.min(found, size);
  };
  // The draws before the snapshot are in both copies with their times.
  const resumed = first('at');
  // The draw that the snapshot interrupted may differ; it began before.
  const differs = Math.max(first('output'), resumed);
  const ms = ({ draws }: Copy) => {
    const [from, to] = [draws[resumed], draws[Math.min(differs, size - 1)]];
    return from && to ? (Number(to.at - from.at) / 1e6).toFixed(1) : 'no';
  };
  /** Outputs from a draw on that both have, at any place. */
  const common = (from: number) => {
    const others = new Set(other.draws.slice(from).map(({ output }) => output));
    return one.draws.slice(from).filter(({ output }) => others.has(output)).length;
  };
  return { size, resumed, noticed: first('kernel'), differs, ms: [ms(one), ms(other)], common };
}

async function clone(
  t: Test,
  machine: Pick<Settings, 'folder' | 'cpu'>,
  hasRdrand: boolean,
): Promise<void> {
  const parent = await Guest.start(t, { ...machine, guid: parentId });
  const ready = await parent.program.says(/^ready /);
  t.match(ready, hasRdrand ? / rdrand$/ : / none$/, 'the CPU is the one that was asked for');
  parent.program.send('');
  await parent.program.says(/^drawn /);
  const snapshot = join(temporaryFolder(), `${hasRdrand}.snapshot`);
  await parent.snapshot(snapshot);

  // One after the other, so that none slows down another.
  const copies: Copy[] = [];
  for (const guid of [parentId, parentId, ...newIds])
    copies.push(await resume(t, { ...machine, snapshot, guid }));
  const [old, oldToo, one, other] = copies as [Copy, Copy, Copy, Copy];

  // Control: without additional input, copies of one state repeat each other for good.
  t.equal(new Set(one.bare).size, 16, 'a bare DRBG generates');
  for (const { bare } of copies) t.strictSame(bare, one.bare, 'a bare DRBG repeats in every copy');

  for (const [name, left, right] of [
    ['two new IDs', one, other],
    ['a new ID and the old one', one, old],
    ['the other new ID and the old one', other, old],
    ['the old ID twice', old, oldToo],
  ] as const) {
    const { size, resumed, noticed, differs, ms, common } = compare(left, right);
    const end = differs < size ? '' : ', the whole run';
    t.comment(`${name}: ${differs - resumed} draws repeat, for ${ms.join(' and ')} ms${end}`);
    t.ok(resumed > 0, `${name}: the draws before the snapshot are in both`);
    const from = hasRdrand ? resumed : noticed;
    // Without RDRAND a copy with the old ID may have ended before another has noticed.
    if (hasRdrand || right === other)
      t.ok(size - from >= drawsPerReport, `${name}: both have drawn on`);
    t.equal(common(from), 0, `${name}: from draw ${from} of ${size} on, nothing is in both`);
  }
}
