import fc from 'fast-check';
import t from 'tap';
import { connect } from '../../src/client/client.js';
import { createGenerator } from '../../src/generator/create.js';
import { startServer } from '../support/daemon.js';

// Half an hour off those of UTC: hours are the reader's.
process.env.TZ = 'Asia/Kolkata';

const { readHistory, sumOf, pointsOf, hoursOf } = await import(
  new URL('../../page/history.js', import.meta.url).href
);

const source = (name: string, more: object = {}) => ({
  ...{ name, state: 'passing', bytes: 600, alarms: 0, waitingSeconds: 0 },
  ...more,
});

const record = (time: string, more: object = {}) => ({
  ...{ time, seconds: 300, state: 'operational', requests: 30, randomBytes: 3000 },
  ...{ refused: 0, reseeds: 1, sources: [source('rdseed'), source('jitter')] },
  ...more,
});

const answer = {
  intervalSeconds: 300,
  stored: true,
  records: [
    record('2026-05-01T10:30:00.000Z'),
    record('2026-05-01T10:35:00.000Z', {
      state: 'degraded',
      refused: 2,
      sources: [source('rdseed', { waitingSeconds: 150, alarms: 1 }), source('jitter')],
    }),
    record('2026-05-01T10:37:00.000Z', {
      seconds: 120,
      sources: [
        source('rdseed', { waitingSeconds: 10 }),
        source('jitter', { waitingSeconds: 500 }),
      ],
    }),
  ],
  transitions: [
    { time: '2026-05-01T10:31:00.000Z', state: 'degraded', reason: 'x' },
    { time: '2026-05-01T12:00:00.000Z', state: 'error', reason: 'y' },
  ],
};

t.test('a daemon’s history is read unchanged', async (t) => {
  const { path, context } = await startServer(t, createGenerator({ devices: [] }));
  const client = connect({ socketPath: path });
  t.teardown(() => client.close());
  await context.history.start(undefined, { info() {}, warn() {} }, () => () => {});
  context.history.note({ time: '2026-05-01T10:31:00.000Z', state: 'degraded', reason: 'x' });
  await context.history.close();
  const sent = await client.history();
  const { intervals, changes, ...rest } = readHistory(sent);
  t.strictSame(rest, { intervalSeconds: 300, stored: false });
  t.strictSame(changes, [{ at: Date.parse('2026-05-01T10:31:00.000Z'), state: 'degraded' }]);
  t.strictSame(
    intervals,
    sent.records.map(({ time, sources, ...record }) => ({
      at: Date.parse(time),
      ...record,
      sources: sources.map(({ state: _, ...each }) => each),
    })),
  );
});

t.test('whatever is sent, nothing throws, and what has no time is left out', async (t) => {
  const empty = { intervalSeconds: 0, stored: false, intervals: [], changes: [] };
  for (const body of [null, 7, 'x', {}, { records: 7, transitions: 'x' }, { records: [7, {}] }])
    t.strictSame(readHistory(body), empty, JSON.stringify(body));
  t.strictSame(readHistory({ records: [record('never'), record('', { seconds: 0 })] }), empty);
  const many = readHistory({ records: Array(5_000).fill(answer.records[0]) });
  t.equal(many.intervals.length, 1_000);
  const value = fc.oneof(fc.jsonValue(), fc.double(), fc.constantFrom('2026-05-01T10:35:00Z'));
  const names = ['time', 'seconds', 'state', 'requests', 'sources', 'name', 'bytes', 'reseeds'];
  const part = fc.dictionary(fc.constantFrom(...names), value);
  const body = fc.record({
    records: fc.array(
      fc.oneof(part, fc.record({ time: value, seconds: value, sources: fc.array(part) })),
    ),
    transitions: fc.array(part),
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(body, (body) => {
        const history = readHistory(body);
        pointsOf(history.intervals);
        hoursOf(history);
        return sumOf(history.intervals).waiting.every(
          ([, seconds]: [string, number]) => seconds > 0,
        );
      }),
    ),
  );
});

t.test('sums are those of all intervals; sources that waited longest come first', async (t) => {
  t.strictSame(sumOf(readHistory(answer).intervals), {
    requests: 90,
    randomBytes: 9000,
    refused: 2,
    reseeds: 3,
    noiseBytes: 3600,
    alarms: [['rdseed', 1]],
    waiting: [
      ['jitter', 500],
      ['rdseed', 160],
    ],
  });
});

t.test('points are rates per second, and the longest wait of a source', async (t) => {
  const { requests, bytes, noise, waiting } = pointsOf(readHistory(answer).intervals);
  const values = (points: { value: number }[]) => points.map(({ value }) => value);
  t.strictSame(values(requests), [0.1, 0.1, 0.25]);
  t.strictSame(values(bytes), [10, 10, 25]);
  t.strictSame(values(noise), [4, 4, 10]);
  t.strictSame(values(waiting), [0, 0.5, 1], 'never more than all the time');
  t.equal(requests[0].at, Date.parse('2026-05-01T10:30:00.000Z'));
});

t.test(
  'hours are the reader’s, newest first, and an interval is of the hour it ends',
  async (t) => {
    const hours = hoursOf(readHistory(answer));
    const shown = hours.map(({ at, state, changes, sums }: Record<string, unknown>) => [
      new Date(at as number).toISOString(),
      state,
      changes,
      (sums as { requests: number }).requests,
    ]);
    t.strictSame(shown, [
      // 17:00 in Kolkata: a change, and no interval.
      ['2026-05-01T11:30:00.000Z', '', ['error'], 0],
      ['2026-05-01T10:30:00.000Z', 'operational', ['degraded'], 60],
      // The interval that ended at 16:00.
      ['2026-05-01T09:30:00.000Z', 'operational', [], 30],
    ]);
  },
);
