import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import nodeVault from 'node-vault';
import t from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import { failingSource } from '../../support/gateway.js';
import { startRealPath } from './real-path.js';

const vault = (port: number, token: string, options: object = {}) =>
  nodeVault({ endpoint: `http://127.0.0.1:${port}`, token, ...options });

/** The members of node-vault's errors that come from the answer. */
const refusal = (call: Promise<unknown>) =>
  call.then(
    () => t.fail('must be refused'),
    ({ message, response }) => ({ message, status: response?.statusCode }),
  );

t.test('node-vault gets bytes from both mounts, in both formats', async (t) => {
  const { port } = await startRealPath(t);
  const client = vault(port, 'any', { namespace: 'team' });
  for (const [path, data, size] of [
    ['sys/tools/random', {}, 32],
    ['sys/tools/random/164', { format: 'hex' }, 164],
    ['sys/tools/random/platform', { bytes: 1 }, 1],
    ['sys/tools/random/all/131072', {}, 131_072],
    ['transit/random', { bytes: '64', format: 'base64' }, 64],
    ['transit/random/seal/7', { format: 'hex' }, 7],
  ] as const) {
    const answer = await client.write(path, data);
    t.match(answer, { request_id: /^[0-9a-f-]{36}$/, lease_id: '', renewable: false, auth: null });
    const format = 'format' in data ? data.format : 'base64';
    const bytes = Buffer.from(answer.data.random_bytes, format);
    t.equal(bytes.length, size, path);
    t.ok(bytes.toString(format) === answer.data.random_bytes, 'in this very format');
  }
  const [one, two] = await Promise.all([1, 2].map(() => client.write('transit/random', {})));
  t.not(one?.data.random_bytes, two?.data.random_bytes);
});

t.test('node-vault is told why a request is refused', async (t) => {
  const { port } = await startRealPath(t);
  const client = vault(port, 'any');
  for (const [call, status, message] of [
    [client.write('sys/tools/random/0', {}), 400, '"bytes" cannot be less than 1'],
    [client.write('transit/random', { format: 'x' }), 400, /^unsupported encoding format "x"/],
    [client.read('sys/tools/random'), 405, /unsupported operation/],
    // Node's parser does not know the method LIST; node-vault can read the answer to malformed HTTP too.
    [client.list('transit/random'), 400, 'Bad Request'],
    [
      client.write('secret/data/x', { data: {} }),
      404,
      'no handler for route "secret/data/x". route entry not found.',
    ],
    [client.read('sys/mounts'), 404, /unsupported path/],
    [vault(port, '').write('transit/random', {}), 403, 'permission denied'],
  ] as const)
    t.match(await refusal(call), { status, message });
});

t.test('node-vault is told about health, seal and token', async (t) => {
  const away = failingSource(new EntropyError('ERR_CONNECT', 'x'));
  for (const [options, sealed] of [
    [{}, false],
    [{ client: away }, true],
  ] as const) {
    const { port } = await startRealPath(t, options);
    const client = vault(port, 'any');
    // It takes 503 for an answer here, and nowhere else.
    t.match(await client.health(), { initialized: true, sealed, standby: false });
    t.match(await client.status(), { initialized: true, sealed });
    t.match(await client.tokenLookupSelf(), { data: { id: 'any', ttl: 0 } });
  }
});

t.test(
  'tokens of the credentials file are verified, and may ask as often as it says',
  async (t) => {
    const credentials = join(t.testdir(), 'credentials.toml');
    const entry = (name: string, more = '') =>
      `[[token]]\nname = "${name}"\ntoken = "hvs.${name}"\n${more}\n`;
    writeFileSync(
      credentials,
      [
        entry('app', 'project_id = "any"'),
        entry('limited', 'requests_per_second = 1'),
        entry('denied', 'allow = ["gen-random"]'),
        entry('expired', 'expires = 2020-01-01T00:00:00Z'),
      ].join(''),
      { mode: 0o600 },
    );
    const { port } = await startRealPath(t, { credentials });
    const write = (token: string) => vault(port, token).write('sys/tools/random/8', {});
    for (const token of ['hvs.app', 'hvs.limited'])
      t.match(await write(token), { data: { random_bytes: /^.{11}=$/ } }, token);
    for (const [token, status, message] of [
      ['hvs.limited', 429, 'rate limit quota exceeded'],
      ['hvs.other', 403, /permission denied[\s\S]*invalid token/],
      ['hvs.expired', 403, /permission denied[\s\S]*invalid token/],
      ['hvs.denied', 403, '1 error occurred:\n\t* permission denied\n\n'],
    ] as const)
      t.match(await refusal(write(token)), { status, message }, token);
  },
);

t.test('a failing generator is reported as a failure of the server', async (t) => {
  for (const [code, status, message] of [
    ['ERR_HEALTH', 500, 'internal error'],
    ['ERR_NOT_SEEDED', 503, 'Vault is sealed'],
  ] as const) {
    const client = failingSource(new EntropyError(code, 'x'));
    const { port } = await startRealPath(t, { client });
    t.strictSame(await refusal(vault(port, 'any').write('transit/random', {})), {
      status,
      message,
    });
  }
});
