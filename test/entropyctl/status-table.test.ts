import fc from 'fast-check';
import t from 'tap';
import { paintFor } from '../../src/common/terminal.js';
import { defaultLimits } from '../../src/config/config.js';
import { boundText, renderStatus } from '../../src/entropyctl/status-table.js';
import { render, widthOf } from '../../src/entropyctl/terminal-ui.js';
import type { DaemonStatus } from '../../src/rpc/protocol.js';

const full: DaemonStatus = {
  state: 'degraded',
  healthy: false,
  reason: 'serving: hwrng lost',
  construction: 'RBG2(P)',
  reseeds: 3,
  requestsSinceReseed: 4,
  secondsSinceReseed: 125,
  memoryLocked: false,
  version: '1.2.3',
  uptimeSeconds: 93_784,
  pid: 7,
  node: '20.0.0',
  openssl: '3.0.0',
  connections: 12,
  connectionsTotal: 34_567,
  sockets: [
    { path: '/run/entropyd/entropyd.sock', protocol: 'rpc' },
    { path: '/run/entropyd/egd.sock', protocol: 'egd' },
  ],
  requests: 12_345_678,
  randomBytes: 4.5 * 2 ** 30,
  errors: { ERR_LENGTH: 2, ERR_RATE: 1_234_567 },
  serving: { bounds: [0.000_05, 0.001], buckets: [95, 5, 0], seconds: 0.002, count: 100 },
  transitions: [
    { time: '2026-06-01T12:00:00.000Z', state: 'operational', reason: '' },
    { time: '2026-06-01T13:00:00.000Z', state: 'degraded', reason: 'serving: hwrng lost' },
  ],
  limits: { ...defaultLimits, connections: 4096 },
  sources: [
    {
      name: 'rdseed',
      state: 'passing',
      secondsInState: 93_784,
      physical: true,
      hiddenByKernel: true,
      testedBitsPerByte: 7,
      creditedBitsPerByte: 4,
      bytes: 1_300_000,
      reads: 1,
      retries: 12_345,
      alarms: 0,
      bytesPerSecond: 89_000_000,
      lastAlarm: '',
      lastError: '',
    },
    {
      name: 'hwrng',
      path: '/dev/hwrng',
      rngCurrent: 'virtio_rng.0',
      state: 'lost',
      secondsInState: 185,
      physical: true,
      testedBitsPerByte: 7,
      creditedBitsPerByte: 0,
      bytes: 64,
      reads: 1,
      retries: 2,
      alarms: 1,
      bytesPerSecond: 16_000,
      lastAlarm: 'repetition count',
      lastError: 'timed out',
    },
    {
      name: 'jitter',
      state: 'waiting',
      secondsInState: 12,
      physical: false,
      testedBitsPerByte: 0.5,
      creditedBitsPerByte: 0.5,
      bytes: 2048,
      reads: 32,
      retries: 0,
      alarms: 0,
      bytesPerSecond: 1e6,
      lastAlarm: '',
      lastError: '',
    },
    { name: 'rndrrs', state: 'absent' } as DaemonStatus['sources'][number],
  ],
};

const plain = paintFor({}, {});
const textOf = (status: Partial<DaemonStatus>, rates?: Parameters<typeof renderStatus>[1]) =>
  renderStatus(status, rates)
    .map((line) => render(line, plain))
    .join('\n');

t.test('the table has every section, in columns that align', async (t) => {
  t.equal(
    textOf(full),
    `State         degraded, serving: hwrng lost
Seeds         3, the last 2 min 5 s and 4 generates ago
Construction  RBG2(P): seeded by physical noise sources
Memory        not locked
Daemon        entropyd 1.2.3   pid 7   up 1 d 2 h
              Node 20.0.0   OpenSSL 3.0.0

Sources       state        credit    samples         rate   retries    alarms
rdseed        passing         4/7   1.24 MiB   84.9 MiB/s    12.3 k         0
              hidden by the kernel, which does not use it
hwrng         lost            0/7       64 B   15.6 KiB/s         2         1
              for 3 min 5 s; /dev/hwrng; virtio_rng.0; last alarm: repetition
              count; last error: timed out
jitter        waiting     0.5/0.5   2.00 KiB    977 KiB/s         0         0
              for 12 s; CPU timing, not physical
rndrrs        absent

Requests      12.3 M   random bytes 4.50 GiB
              100 reads, served in p50 ≤ 50 µs   p99 ≤ 1 ms   mean 20 µs
Clients       12 open, 34.6 k since start
              rpc  /run/entropyd/entropyd.sock
              egd  /run/entropyd/egd.sock
Refused       ERR_LENGTH                   2
              ERR_RATE                1.23 M
Changes       2026-06-01 13:00:00Z  degraded     hwrng lost
              2026-06-01 12:00:00Z  operational
Limits        message bytes                             64.0 KiB
              connections                                   4096
              connections per user                          1024
              bytes per second per user                     none
              unsent bytes                              64.0 MiB
              unsent bytes per user                     16.0 MiB
              prediction resistance requests per user         64
              message seconds                                 10
              stall seconds                                   60
              spin us                                       none`,
  );
});

t.test('rates are at the top, if they are known', async (t) => {
  const rates = {
    requestsPerSecond: 3412,
    bytesPerSecond: 12.5 * 2 ** 20,
    readsPerSecond: 0.5,
    p50: { seconds: 0.000_05, above: false },
    p99: { seconds: 0.01, above: true },
  };
  t.match(
    textOf(full, rates),
    `OpenSSL 3.0.0
Now           requests 3412/s   bytes 12.5 MiB/s   reads 0.50/s
              served in p50 ≤ 50 µs   p99 > 10 ms
`,
  );
  t.equal(boundText(undefined), '-');
});

t.test('what is missing is “none” or a question mark', async (t) => {
  for (const nothing of [{}, { sources: 'x', errors: 5, limits: null, transitions: {} }]) {
    const text = textOf(nothing as unknown as Partial<DaemonStatus>);
    t.match(text, /^State +\?\n/);
    t.match(text, /^Daemon +entropyd \? +pid \?/m);
    t.match(text, /^Sources +none$/m);
    t.match(text, /^Refused +none$/m);
    t.match(text, /^Changes +none$/m);
    t.match(text, /^Clients +\? open, \? since start$/m);
    t.match(text, /^Limits +none$/m);
  }
  const quiet = { ...full, reason: '', serving: { ...full.serving, buckets: [0, 0, 0], count: 0 } };
  t.match(textOf(quiet), /^State +degraded, serving\nSeeds/);
  t.match(textOf(quiet), 'served in p50 -   p99 -   mean -');
});

t.test('a long reason takes three lines and is then cut', async (t) => {
  const text = textOf({ ...full, reason: 'because '.repeat(100) });
  const [reason = ''] = text.split('\nSeeds');
  t.equal(reason.split('\n').length, 3);
  t.match(reason, /^State +degraded, serving: because .*…$/s);
});

t.test('states are colored, and the text does not change', async (t) => {
  const colors = paintFor({}, { FORCE_COLOR: '1' });
  for (const [state, code] of [
    ['operational', 32],
    ['degraded', 33],
    ['fallback', 33],
    ['seeding', 33],
    ['error', 31],
    ['constructor', 0],
  ] as const) {
    const status = { ...full, state: state as DaemonStatus['state'] };
    const painted = renderStatus(status).map((line) => render(line, colors));
    const text = `${state}, serving: hwrng lost`;
    t.match(painted[0], code === 0 ? text : `\x1b[${code}m${text}`, state);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence is what a color is.
    const stripped = painted.join('\n').replaceAll(/\x1b\[\d+m/g, '');
    t.equal(stripped, textOf(status));
  }
});

/** Whatever a daemon, or an impostor, may report. */
const anything = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.double(),
  fc.constantFrom(null, undefined, true, 2 ** 53, 1e300, '\x1b[2J', '\u202e', '表'.repeat(100)),
  fc.array(fc.anything(), { maxLength: 3 }),
);

const source = fc.record({
  name: anything,
  path: anything,
  rngCurrent: anything,
  state: fc.oneof(anything, fc.constantFrom('passing', 'absent', 'lost', 'waiting')),
  secondsInState: anything,
  physical: anything,
  hiddenByKernel: anything,
  testedBitsPerByte: anything,
  creditedBitsPerByte: anything,
  bytes: anything,
  retries: anything,
  alarms: anything,
  bytesPerSecond: anything,
  lastAlarm: anything,
  lastError: anything,
});

t.test('whatever is reported: 80 columns, no control character, no exception', async (t) => {
  const status = fc.record(
    {
      state: anything,
      reason: anything,
      construction: fc.oneof(anything, fc.constantFrom('RBG2(P)', 'RBG2(NP)', 'RBGC')),
      reseeds: anything,
      secondsSinceReseed: anything,
      requestsSinceReseed: anything,
      memoryLocked: anything,
      version: anything,
      uptimeSeconds: anything,
      pid: anything,
      node: anything,
      openssl: anything,
      connections: anything,
      connectionsTotal: anything,
      requests: anything,
      randomBytes: anything,
      errors: fc.oneof(anything, fc.dictionary(fc.string({ unit: 'binary' }), anything)),
      serving: fc.oneof(
        anything,
        fc.record({ bounds: anything, buckets: anything, count: anything }),
      ),
      transitions: fc.oneof(
        anything,
        fc.array(fc.record({ time: anything, state: anything, reason: anything })),
      ),
      sockets: fc.oneof(anything, fc.array(fc.record({ path: anything, protocol: anything }))),
      limits: fc.oneof(anything, fc.dictionary(fc.string({ unit: 'binary' }), anything)),
      sources: fc.oneof(anything, fc.array(source)),
    },
    { requiredKeys: [] },
  );
  let checked = 0;
  fc.assert(
    fc.property(status, (value) => {
      for (const line of renderStatus(value as unknown as Partial<DaemonStatus>)) {
        const text = render(line, plain);
        checked++;
        if (widthOf(text) > 80 || /[\p{Cc}\p{Zl}\p{Zp}\u202e]/u.test(text)) return false;
      }
      return true;
    }),
    { numRuns: 500 },
  );
  t.ok(checked > 1000, `${checked} lines`);
});
