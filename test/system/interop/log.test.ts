import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { connect } from '../../../src/client/client.js';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { built, lines, Program, startDaemonProgram } from '../../support/program.js';
import { exchange, message } from '../../support/raw.js';

const token = 'a-token-that-nobody-may-read';
const secret = 'a-secret-key-that-nobody-may-read';
const accessKey = 'AKIDTHATNOBODYMAYREAD';

/** Requests of each kind. */
const requests = 300;

/** Lines of both programs for a start, a reload, an end and the first failures of each kind. */
const maxEvents = 30;

/** Sends a gen-random request to a Unix socket. @returns status and body */
function ask(socketPath: string, withToken: string, size: string) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    request(
      {
        socketPath,
        method: 'POST',
        path: '/v1.0/project/kms/gen-random',
        headers: { 'X-Auth-Token': withToken, 'Content-Type': 'application/json' },
        agent: false,
      },
      async (answer) => resolve({ status: answer.statusCode ?? 0, body: await text(answer) }),
    )
      .on('error', reject)
      .end(JSON.stringify({ random_data_length: size }));
  });
}

t.test('daemon and gateway log events, not requests, and neither bytes nor secrets', async (t) => {
  const credentials = join(temporaryFolder(), 'credentials.toml');
  writeFileSync(
    credentials,
    `[[token]]\nname = "reports"\ntoken = "${token}"\n[[key]]\nname = "billing"\naccess_key = "${accessKey}"\nsecret_key = "${secret}"\n`,
    { mode: 0o600 },
  );
  const daemon = await startDaemonProgram(t);
  const listening = freePath();
  const gateway = new Program(t, [
    built('entropyd'),
    ...['gateway', '--listen', `unix:${listening}`, '--socket', daemon.path],
    ...['--credentials', credentials, '--dialect', 'hwc'],
  ]);
  await gateway.says('gateway listening');

  const served: string[] = [];
  const client = connect({ socketPath: daemon.path, mixLocal: false });
  t.teardown(() => client.close());
  for (let i = 0; i < requests; i++) {
    served.push(Buffer.from(await client.random(32)).toString('hex'));
    await client.random(0).catch(() => {});
    await client.noise('none', 1).catch(() => {});
    await client.health();
  }
  await client.reseed().catch(() => {});
  for (let i = 0; i < 20; i++) {
    await exchange(t, daemon.path, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await exchange(t, daemon.path, message(1, 'nope', [secret]));
  }
  for (let i = 0; i < requests; i++) {
    const { status, body } = await ask(listening, token, '512');
    t.equal(status, 200);
    served.push(JSON.parse(body).random_data.toLowerCase());
    t.equal((await ask(listening, `${token}?`, '512')).status >= 400, true);
    t.equal((await ask(listening, token, '5')).status, 400);
  }
  gateway.child.kill('SIGHUP');
  await gateway.says('gateway reloaded');
  daemon.child.kill('SIGHUP');
  await daemon.says('generator reseeded');
  const { status } = await daemon.kill('SIGTERM');
  t.equal(status, 0);
  // From here on each request is answered with status 500 or above.
  for (let i = 0; i < requests; i++)
    t.equal((await ask(listening, token, '512')).status >= 500, true);
  await gateway.kill('SIGTERM');

  const log = daemon.stderr + gateway.stderr;
  const records = lines(log).map((line) => JSON.parse(line));
  t.ok(records.length <= maxEvents, `${records.length} lines`);
  for (const { level, time, msg } of records)
    t.match({ level, time, msg }, { level: /^(info|warn|error)$/, time: /Z$/, msg: String });
  const failures = records.filter(({ msg }) => msg.startsWith('request failed'));
  t.match(failures, [
    { level: 'warn', requestId: String, code: 'ERR_CONNECT' },
    { level: 'warn', count: requests - 1, code: 'ERR_CONNECT' },
  ]);
  const lower = log.toLowerCase();
  // 64 bits of each answer: a false alarm has a probability of 2^-40.
  for (const hex of served) if (lower.includes(hex.slice(0, 16))) t.fail('bytes in the log');
  for (const hidden of [token, secret, accessKey]) t.notOk(log.includes(hidden));
});
