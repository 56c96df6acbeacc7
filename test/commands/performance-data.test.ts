import t from 'tap';
import { figuresOf, performanceData } from '../../src/commands/performance-data.js';
import { defaultLimits } from '../../src/config/config.js';
import type { DaemonStatus } from '../../src/rpc/protocol.js';

const source = (state: string, alarms: number) =>
  ({ name: 's', state, alarms }) as DaemonStatus['sources'][number];

const status: Partial<DaemonStatus> = {
  sources: [source('passing', 1), source('failed', 2), source('absent', 0)],
  uptimeSeconds: 60,
  secondsSinceReseed: 5.25,
  reseeds: 3,
  requests: 12_345_678_901_234,
  randomBytes: 9,
  connections: 4,
  limits: { ...defaultLimits, connections: 512 },
  errors: { ERR_LENGTH: 2, ERR_RATE: 3 },
  serving: { bounds: [0.000_005, 0.01], buckets: [100, 0, 0], seconds: 1, count: 100 },
};

/** A figure of the Monitoring Plugins Development Guidelines, with an unquoted label. */
const form = /^[a-z0-9_]+=\d+(\.\d+)?(s|c|B)?;;;0;(\d+)?$/;

t.test('each figure has the form of the guidelines', async (t) => {
  const text = performanceData(figuresOf(status));
  t.equal(
    text,
    'uptime=60s;;;0; since_reseed=5.25s;;;0; reseeds=3c;;;0; requests=12345678901234c;;;0; ' +
      'random_bytes=9c;;;0; refused=5c;;;0; connections=4;;;0;512 sources_passing=1;;;0;2 ' +
      'alarms=3c;;;0; serving_p99=0.000005s;;;0;',
  );
  for (const figure of text.split(' ')) t.match(figure, form);
});

t.test('what the daemon does not tell is left out', async (t) => {
  t.strictSame(figuresOf({}), []);
  t.equal(
    performanceData(figuresOf({ requests: 1, reseeds: Number.NaN, uptimeSeconds: -1 })),
    'requests=1c;;;0;',
  );
  const slow = { bounds: [0.01], buckets: [0, 5], seconds: 1, count: 5 };
  t.strictSame(figuresOf({ serving: slow }), [], 'the histogram knows no bound of it');
  for (const odd of [{ sources: 'x' }, { errors: { x: 'y' }, limits: null }, { requests: 1e30 }])
    for (const figure of performanceData(figuresOf(odd as unknown as Partial<DaemonStatus>))
      .split(' ')
      .filter(Boolean))
      t.match(figure, form);
});
