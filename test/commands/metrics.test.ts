import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { metrics } from '../../src/commands/metrics.js';
import { fakeGenerator, freePath, printedBy, startServer, temporaryFolder } from '../support.js';

const page = /^# HELP entropyd_build_info .*\n(?:.*\n)*entropyd_requests_total \d+\n/;

t.test('the page is printed as the daemon has it, with one line’s end', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const text = await printedBy(t, () => metrics({ socket }));
  t.match(text, page);
  t.match(text, /[^\n]\n$/);
  const json = JSON.parse(await printedBy(t, () => metrics({ socket, json: true })));
  t.strictSame(Object.keys(json), ['page']);
  t.match(json.page, page);
});

t.test('as a textfile it is there as a whole, for every reader', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const textfile = join(temporaryFolder(), 'entropyd.prom');
  writeFileSync(textfile, 'old', { mode: 0o600 });
  t.equal(await printedBy(t, () => metrics({ socket, textfile })), '');
  t.match(readFileSync(textfile, 'utf8'), page);
  t.equal(statSync(textfile).mode & 0o777, 0o644);
  const json = await printedBy(t, () => metrics({ socket, textfile, json: true }));
  t.strictSame(JSON.parse(json), { textfile, size: statSync(textfile).size });
  t.notOk(readdirSync(dirname(textfile)).some((name) => name.endsWith('.tmp')));
});

t.test('where the daemon is away, the old page stays', async (t) => {
  const textfile = join(temporaryFolder(), 'kept.prom');
  writeFileSync(textfile, 'old');
  await t.rejects(metrics({ socket: freePath(), textfile }), { code: 'ERR_CONNECT' });
  t.equal(readFileSync(textfile, 'utf8'), 'old');
  const { path: socket } = await startServer(t, fakeGenerator());
  await t.rejects(metrics({ socket, textfile: join(temporaryFolder(), 'none', 'x.prom') }), {
    code: 'ENOENT',
  });
});
