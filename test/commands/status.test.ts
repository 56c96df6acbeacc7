import t from 'tap';
import { status } from '../../src/commands/status.js';
import { fakeGenerator, printedBy, setSocketVariable, startServer } from '../support.js';

t.test('the daemon is asked once, for a table or for JSON', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const table = await printedBy(t, () => status({ socket: path }));
  t.match(table, /^entropyd 1\.2\.3 +pid \d+ .*\nState +operational\n/);
  const json = await printedBy(t, () => status({ socket: path, json: true }));
  t.match(json, /^[^\n]+\n$/, 'one line');
  t.match(JSON.parse(json), {
    state: 'operational',
    version: '1.2.3',
    serving: { bounds: Array, buckets: Array },
    transitions: [],
    limits: Object,
  });
});

t.test('colours come by the environment', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  t.intercept(process, 'env', { value: { FORCE_COLOR: '1' } });
  t.match(await printedBy(t, () => status({ socket: path })), '\x1b[32moperational\x1b[39m');
  t.intercept(process, 'env', { value: {} });
  t.notMatch(await printedBy(t, () => status({ socket: path })), '\x1b');
});

t.test('--watch looks again, every 2 seconds or as it is told', async (t) => {
  const asked: unknown[] = [];
  const { status: watching } = await t.mockImport<typeof import('../../src/commands/status.js')>(
    '../../src/commands/status.js',
    {
      '../../src/commands/watch.js': { watch: async (options: object) => void asked.push(options) },
    },
  );
  await watching({ socket: '/s', watch: true });
  await watching({ watch: true, interval: 0.5, json: true });
  t.match(asked, [
    { socket: '/s', interval: 2 },
    { interval: 0.5, json: true },
  ]);
  await t.rejects(watching({ interval: 5 }), { code: 'ERR_USAGE', message: /--watch/ });
});

t.test('without --socket the usual place is asked', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  setSocketVariable(t, path);
  t.match(await printedBy(t, () => status({})), /^entropyd /);
});
