import t from 'tap';
import { addon, type Verdict } from './addon.js';

interface TestJitter {
  traits(): Record<string, unknown>;
  open(): boolean;
  error(): string;
  /** null: the read failed and left zeros. */
  read(size: number): Buffer | null;
  /** Reads, and tests with the health tests of the source's H. */
  test(size: number): Verdict;
}

// jitter_exports.cc has the simulated clocks, and asserts the cutoffs when it is compiled.
const { Jitter } = addon as unknown as {
  Jitter: {
    /** Without clocks: the product's choice. */
    new (clocks?: readonly string[]): TestJitter;
    /** The clocks of this host. */
    clocks(): string[];
  };
};

const startup = 1024;

t.test('half a bit per sample is tested and credited, of a non-physical source', async (t) => {
  t.strictSame(new Jitter().traits(), {
    name: 'jitter',
    seeds: true,
    bytes: true,
    physical: false,
    reserve: true,
    tested: 0.5,
    credited: 0.5,
    startup,
  });
});

t.test('a clock that cannot time the loop is refused, with the reason', async (t) => {
  for (const [clock, error] of [
    ['stuck', 'stuck is too coarse: 128 of 128 samples are equal'],
    ['counter', 'counter is too coarse: 128 of 128 samples are equal'],
    // 863.5 ns on average: seven of eight loops take one step.
    ['1 us', /^1 us is too coarse: 1\d\d of 128 samples are equal$/],
    // The low byte of a multiple of 256 is 0.
    ['4096 ns', '4096 ns is too coarse: 128 of 128 samples are equal'],
    ['1 ms', /^1 ms is too coarse: 1\d\d of 128 samples are equal$/],
    ['backwards', 'backwards goes backwards'],
  ] as const) {
    const source = new Jitter([clock]);
    t.notOk(source.open(), clock);
    t.match(source.error(), error);
    t.equal(source.read(64), null, `${clock}: no bytes`);
  }
});

t.test('the next clock is used if the first is refused', async (t) => {
  const source = new Jitter(['stuck', 'healthy']);
  t.ok(source.open());
  t.equal(source.error(), '');
  t.equal(source.read(startup)?.length, startup);

  const none = new Jitter(['stuck', 'backwards']);
  t.notOk(none.open());
  t.equal(
    none.error(),
    'stuck is too coarse: 128 of 128 samples are equal; backwards goes backwards',
  );
  const empty = new Jitter([]);
  t.notOk(empty.open());
  t.equal(empty.error(), 'no clock');
});

t.test('a source that is not open yields no bytes', async (t) => {
  const source = new Jitter(['healthy']);
  t.equal(source.read(64), null);
  t.equal(source.error(), 'not open');
});

t.test('a clock that breaks after the start is detected by the health tests', async (t) => {
  // The first 1000 samples are healthy. Equal samples are an alarm at the 61st. Of the window that
  // begins with sample 1024, 422 samples must be equal: nine of ten are.
  for (const [clock, test, from, to] of [
    ['stuck later', 'repetition count', 1061, 1061],
    ['counter later', 'repetition count', 1061, 1061],
    ['biased later', /repetition count|adaptive proportion/, 1061, 1536],
  ] as const) {
    const source = new Jitter([clock]);
    t.ok(source.open(), clock);
    const verdict = source.test(2048);
    t.match(verdict.test, test, clock);
    t.ok(verdict.at >= from && verdict.at <= to, `${clock}: at ${verdict.at}`);
  }
  const stuck = new Jitter(['stuck later']);
  stuck.open();
  t.equal(stuck.test(2048).severity, 2, 'permanent after 121');
});

t.test('steps of 41 ns, as of a counter of 24 MHz, are fine enough', async (t) => {
  const source = new Jitter(['41 ns']);
  t.ok(source.open(), source.error());
  t.equal(source.test(1 << 20).severity, 0);
});

t.test('a sample during which the thread was descheduled is a sample', async (t) => {
  const source = new Jitter(['descheduled']);
  t.ok(source.open());
  t.equal(source.test(2 * startup).severity, 0);
});

t.test('a clock without entropy that looks random is not detected', async (t) => {
  const source = new Jitter(['healthy']);
  t.ok(source.open());
  t.equal(source.test(1 << 20).severity, 0, 'splitmix64 under a fixed seed');
  const samples = [1, 2].map(() => {
    const repeated = new Jitter(['healthy']);
    repeated.open();
    return repeated.read(startup);
  });
  t.strictSame(samples[0], samples[1], 'the walk adds nothing of its own');
});

// A false alarm needs 61 equal samples in a row, or 422 of 512. Measured are more than two bits per
// sample in the worst case: 2^-120 for each sample.
t.test('the real source passes its startup test on each clock of this host', async (t) => {
  for (const clock of Jitter.clocks()) {
    const source = new Jitter([clock]);
    if (!source.open()) {
      t.comment(`${source.error()}: nothing to test`);
      continue;
    }
    t.equal(source.test(startup).severity, 0, clock);
    t.ok(source.open(), `${clock}, opened again`);
    t.equal(source.test(startup).severity, 0, clock);
  }
  const source = new Jitter();
  if (!source.open()) t.comment(`absent: ${source.error()}`);
  else t.equal(source.test(1 << 18).severity, 0, "the product's choice");
});
