import { chmodSync, existsSync, rmSync, statSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { connect } from '../../src/client/client.js';
import { serve } from '../../src/commands/serve.js';
import { freePath, programMs, startActivated, untilAnswers } from '../support.js';

t.test('serves until SIGTERM or SIGINT, then ends cleanly', async (t) => {
  for (const [signal, http] of [
    ['SIGTERM', undefined],
    ['SIGINT', '127.0.0.1:0'],
  ] as const) {
    const socket = freePath();
    const serving = serve({ socket, profile: 'default', ...(http === undefined ? {} : { http }) });
    await untilAnswers(socket);
    process.emit(signal, signal);
    await serving;
    t.notOk(existsSync(socket));
  }
});

t.test('a signal that comes while it starts is not lost', async (t) => {
  const socket = freePath();
  const serving = serve({ socket, profile: 'default' });
  process.emit('SIGTERM', 'SIGTERM');
  await serving;
  t.notOk(existsSync(socket));
  await t.rejects(connect({ socketPath: socket }).random(1), { code: 'ERR_CONNECT' });
});

t.test('with no place for the socket it says so', async (t) => {
  const before = process.listenerCount('SIGTERM');
  await t.rejects(serve({ socket: '/dev/null/s', profile: 'default' }), { code: 'ERR_LISTEN' });
  t.equal(process.listenerCount('SIGTERM'), before + 1, 'the process is about to end');
  process.emit('SIGTERM', 'SIGTERM');
});

t.test('a socket that was passed is served, and stays as it was made', async (t) => {
  const path = freePath();
  const { program } = await startActivated(t, { path }, 'entropyd');
  chmodSync(path, 0o640);
  await untilAnswers(path);
  t.match(await program.says('entropyd listening'), JSON.stringify([path]));
  const client = connect({ socketPath: path });
  t.match(await client.reseed(), { state: 'operational' }, 'with administrators');
  program.child.kill('SIGHUP');
  await program.says('generator reseeded');
  t.equal((await client.random(8)).length, 8, 'also after a reload');
  await client.close();
  t.equal((await program.kill('SIGTERM')).status, 0);
  t.equal(statSync(path).mode & 0o777, 0o640);
});

t.test(
  'entries are matched with passed sockets by path; others of both kinds are served',
  async (t) => {
    const [passed, own] = [freePath(), freePath()];
    const config = `${freePath()}.toml`;
    for (const [entries, admin] of [
      [`[[listen]]\npath = "${passed}"\nmode = "0600"\n[[listen]]\npath = "${own}"\n`, true],
      [`[[listen]]\npath = "${passed}"\nadmin = false\n[[listen]]\npath = "${own}"\n`, false],
      [`[[listen]]\npath = "${own}"\n`, false],
    ] as const) {
      writeFileSync(config, entries);
      rmSync(passed, { force: true });
      const { program } = await startActivated(t, { path: passed }, 'entropyd', [
        '--config',
        config,
      ]);
      const mode = statSync(passed).mode;
      const ask = async () => {
        const client = connect({ socketPath: passed, timeoutMs: programMs });
        const outcome = await client.reseed().then(
          () => true,
          ({ code }) => code,
        );
        await client.close();
        return outcome;
      };
      // The first one waits before the daemon serves.
      const first = await ask();
      const wanted = admin || 'ERR_FORBIDDEN';
      t.strictSame([first, await ask()], [wanted, wanted], entries);
      await untilAnswers(own);
      await program.kill('SIGTERM');
      t.equal(statSync(passed).mode, mode);
      t.notOk(existsSync(own), 'its own goes');
    }
  },
);

t.test('a passed socket that is none of the daemon is refused in one line', async (t) => {
  for (const [listen, name, message] of [
    [
      { path: freePath() },
      'http',
      'descriptor 3 was passed as "http"; want FileDescriptorName=entropyd',
    ],
    [
      { host: '127.0.0.1', port: 0 },
      'entropyd',
      "descriptor 3: want a Unix socket, not a network's",
    ],
  ] as const) {
    const { program } = await startActivated(t, listen, name);
    t.match(await program.ended, { status: 1, stderr: `entropyd: ${message}\n` });
  }
});
