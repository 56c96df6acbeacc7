import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { connectError } from '../../src/client/reconnecting-socket.js';
import { EntropyError, type ErrorCode, ServiceError } from '../../src/common/errors.js';
import { CommandError, UsageError } from '../../src/common/program.js';
import { print, printJson, requestFailure, withClient } from '../../src/entropyctl/session.js';
import { fakeGenerator, startServer } from '../support/daemon.js';
import { freePath, setSocketVariable, temporaryFolder } from '../support/paths.js';
import { built, Program, printedBy } from '../support/program.js';
import { until } from '../support/until.js';

t.test('the result is returned, and the connection ends', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  t.match(await withClient({ socket: path }, (client) => client.version()), { name: 'entropyd' });
  await until(() => context.counters.connectionsOpen === 0, 'the end of the connection');
});

t.test('a failure names the path that was tried, wherever the path comes from', async (t) => {
  const socket = freePath();
  await t.rejects(
    withClient({ socket }, (client) => client.version()),
    {
      code: 'ERR_CONNECT',
      message: `no daemon on ${socket} (ENOENT); start one with: entropyd --socket ${socket}`,
    },
  );
  const usual = freePath();
  setSocketVariable(t, usual);
  await t.rejects(
    withClient({}, (client) => client.version()),
    { message: new RegExp(`^no daemon on ${usual} `) },
  );
});

t.test('client options are passed on', async (t) => {
  const { path } = await startServer(t, fakeGenerator());
  const answer = await withClient(
    { socket: path },
    (client) => client.genRandom({ random_data_length: '8' }),
    { dialect: 'hwc', mixLocal: false },
  );
  t.strictSame(answer, { random_data: 'AA' });
});

t.test('text is printed with one newline, a value as one line of JSON', async (t) => {
  t.equal(await printedBy(t, () => print('a\nb')), 'a\nb\n');
  t.equal(await printedBy(t, () => printJson({ a: 'x\ny\x1b' })), '{"a":"x\\ny\\u001b"}\n');
});

t.test('a full disk and a closed pipe are failures, not silence', async (t) => {
  const module = JSON.stringify(built('entropyctl/session'));
  const full = openSync('/dev/full', 'w');
  const script = `import { print } from ${module};
    try { await print('x'); console.error('printed'); }
    catch (error) { console.error(error.code, error.message); }`;
  const toFull = new Program(t, ['--input-type=module', '-e', script], {
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  t.match(await toFull.ended, {
    status: 0,
    stderr: /^ENOSPC cannot write standard output \(ENOSPC\): no space left/,
  });
  // A pipe takes what is written before its reader is gone, so the program prints until a write fails.
  const endless = `import { print } from ${module};
    try { for (;;) await print('x'); }
    catch (error) { console.error(error.code); }`;
  const toPipe = new Program(t, ['--input-type=module', '-e', endless]);
  toPipe.child.stdout?.once('data', () => toPipe.child.stdout?.destroy());
  t.match(await toPipe.ended, { status: 0, stderr: 'EPIPE\n' });
});

const path = '/run/entropyd.sock';

t.test('a failure of the daemon has its message, the socket and advice', async (t) => {
  for (const [code, advice] of [
    ['ERR_LENGTH', ''],
    ['ERR_PARAMS', ''],
    [
      'ERR_TIMEOUT',
      "; the daemon is overloaded or hangs: see the daemon's log (journalctl -u entropyd)",
    ],
    ['ERR_CLOSED', "; see the daemon's log (journalctl -u entropyd)"],
    ['ERR_MESSAGE', "; is this entropyd's socket? pass the right one with --socket"],
    ['ERR_TOO_LARGE', "; is this entropyd's socket? pass the right one with --socket"],
    ['ERR_METHOD', '; the daemon runs another version: restart it'],
    ['ERR_FORBIDDEN', "; run it as root, as the daemon's user or as a member of its admin_group"],
    ['ERR_BUSY', '; try again later'],
    ['ERR_RATE', '; wait, or raise bytes_per_second_per_user'],
    ['ERR_NOT_SEEDED', '; wait; entropyctl status shows the sources'],
    ['ERR_HEALTH', '; entropyctl status shows why; entropyctl selftest tests the sources again'],
    ['ERR_ENTROPY', '; entropyctl status shows the sources'],
    ['ERR_INTERNAL', "; see the daemon's log (journalctl -u entropyd)"],
  ] as const satisfies [ErrorCode, string][]) {
    const failure = requestFailure(new EntropyError(code, 'what'), path);
    t.ok(failure instanceof CommandError);
    t.match(failure, { code, message: `what (socket ${path})${advice}` });
  }
});

t.test('a reason that says what to do needs no advice', async (t) => {
  const reason = 'not serving: rdseed failed a health test; entropyctl selftest tests it again';
  t.match(requestFailure(new EntropyError('ERR_HEALTH', reason), path), {
    message: `${reason} (socket ${path})`,
  });
});

t.test('a message that names the path does not get it twice', async (t) => {
  const missing = connectError(path, Object.assign(new Error(), { code: 'ENOENT' }));
  t.match(requestFailure(missing, path), {
    code: 'ERR_CONNECT',
    message: `no daemon on ${path} (ENOENT); start one with: entropyd --socket ${path}`,
  });
});

t.test('a path that is not a socket is reported as such', async (t) => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  const refused = connectError(file, Object.assign(new Error(), { code: 'ECONNREFUSED' }));
  t.match(requestFailure(refused, file), {
    code: 'ERR_CONNECT',
    message: `${file} is not a socket; pass the daemon's socket with --socket`,
  });
});

t.test('an API’s error is reported by its cause, an unforeseen one unchanged', async (t) => {
  const cause = new EntropyError('ERR_BUSY', 'full');
  t.match(requestFailure(new ServiceError('KMS.0104', 503, 'x', { cause }), path), {
    code: 'ERR_BUSY',
    message: `full (socket ${path}); try again later`,
  });
  for (const error of [new TypeError('a bug'), new UsageError('N'), undefined])
    t.equal(requestFailure(error, path), error);
});
