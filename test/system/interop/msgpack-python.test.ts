import { fileURLToPath } from 'node:url';
import { pythonClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const msgpack = pythonClient('msgpack', 'msgpack for Python (Debian package python3-msgpack)');
const script = fileURLToPath(new URL('msgpack_client.py', import.meta.url));

testWith(msgpack, 'msgpack for Python talks to the daemon, in order', async (t, python) => {
  const { socketPath } = await startRealPath(t);
  const table = [
    ['random', [1], null, 1],
    ['random', [1_048_576], null, 1_048_576],
    ['random', [32, { predictionResistance: true }], null, 32],
    ['version', [], null, { name: 'entropyd', protocol: 1 }],
    ['health', [], null, { state: /./, healthy: Boolean, reason: String }],
    ['metrics', [], null, /^# (HELP|TYPE) /m],
    ['random', [0], ['ERR_LENGTH', /./], null],
    ['random', [1_048_577], ['ERR_LENGTH', /./], null],
    ['random', ['x'], ['ERR_LENGTH', /./], null],
    ['random', [32, { unknown: 1 }], ['ERR_PARAMS', /./], null],
    ['nope', [], ['ERR_METHOD', /./], null],
    ['random', [32], null, 32],
  ] as const;
  const { status, stdout, stderr } = await run(python, [
    script,
    socketPath,
    ...table.map(([method, params]) => JSON.stringify([method, params])),
  ]);
  t.equal(status, 0, `exits with success ${stderr}`);
  const answers = JSON.parse(stdout);
  t.equal(answers.length, table.length, 'every request has an answer');
  for (const [index, [method, params, error, result]] of table.entries()) {
    const msgid = 2 ** 32 - table.length + index;
    t.match(answers[index], [1, msgid, error, result], `${method} ${JSON.stringify(params)}`);
    t.equal(answers[index].length, 4);
  }
});
