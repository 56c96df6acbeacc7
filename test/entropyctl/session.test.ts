import { closeSync, openSync } from 'node:fs';
import t from 'tap';
import { asking, print, printJson } from '../../src/entropyctl/session.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import { freePath, setSocketVariable } from '../support/paths.js';
import { built, Program, printedBy } from '../support/program.js';

t.test('the answer comes back, and the connection ends', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  t.match(await asking({ socket: path }, (client) => client.version()), { name: 'entropyd' });
  while (context.counters.connectionsOpen > 0)
    await new Promise((resolve) => setImmediate(resolve));
  t.equal(context.counters.connectionsOpen, 0);
});

t.test('a failure has the path that was tried, wherever it comes from', async (t) => {
  const socket = freePath();
  await t.rejects(
    asking({ socket }, (client) => client.version()),
    {
      code: 'ERR_CONNECT',
      message: `no daemon on ${socket} (ENOENT); start one with: entropyd --socket ${socket}`,
    },
  );
  const usual = freePath();
  setSocketVariable(t, usual);
  await t.rejects(
    asking({}, (client) => client.version()),
    {
      message: new RegExp(`^no daemon on ${usual} `),
    },
  );
});

t.test('options of the client are passed on', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const answer = await asking(
    { socket: path },
    (client) => client.genRandom({ random_data_length: '8' }),
    { dialect: 'hwc', mixLocal: false },
  );
  t.strictSame(answer, { random_data: 'AA' });
});

t.test('a text has one line’s end, a value is one line of JSON', async (t) => {
  t.equal(await printedBy(t, () => print('a\nb')), 'a\nb\n');
  t.equal(await printedBy(t, () => printJson({ a: 'x\ny\x1b' })), '{"a":"x\\ny\\u001b"}\n');
});

t.test('a full disk and a closed pipe are failures, not silence', async (t) => {
  const script = `import { print } from ${JSON.stringify(built('commands/print'))};
    try { await print('x'); console.error('printed'); }
    catch (error) { console.error(error.code, error.message); }`;
  const full = openSync('/dev/full', 'w');
  const program = new Program(t, ['--input-type=module', '-e', script], {
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  t.match(await program.ended, {
    status: 0,
    stderr: /^ENOSPC cannot write standard output \(ENOSPC\): there is no space left/,
  });
  // The reader is gone before the first write.
  const pipe = '{ sleep 0.2; "$0" "$1" "$2" "$3"; } 2>&3 | true';
  const closed = new Program(t, [process.execPath, '--input-type=module', '-e', script], {
    script: `exec 3>&2; ${pipe}`,
  });
  t.match((await closed.ended).stderr, /^EPIPE /);
});
