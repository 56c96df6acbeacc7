import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, connect as netConnect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { connect } from '../../src/index.js';
import { freePath } from '../support/paths.js';
import { lines, startDaemonProgram } from '../support/program.js';
import { pack, unpackAll } from '../support/raw.js';
import { until } from '../support/until.js';
import { fault, Splitter } from './answers.js';
import { fuzzFrames } from './frames.js';
import { judge } from './oracle.js';
import { plan } from './plan.js';

/** Takes a few seconds; `npm run fuzz:frames` runs more. */
const frames = 20_000;
/** Ends a daemon that hangs. */
const testMs = 100_000;

t.test('the oracle agrees with the examples of docs/protocol.md', async (t) => {
  const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| .*`(\[[01], .*)` \| `([0-9a-f ]+)` \|$/gm)];
  const examples = rows.map(([, text = '', hex = '']) => ({
    text,
    bytes: Buffer.from(hex.replaceAll(' ', ''), 'hex'),
  }));
  let pairs = 0;
  for (const [i, { text, bytes }] of examples.entries()) {
    const answer = examples[i + 1];
    if (!text.startsWith('[0,') || !answer?.text.startsWith('[1,')) continue;
    pairs++;
    const { expected, frames, size, end } = judge(bytes);
    t.match({ frames, size, end }, { frames: 1, size: bytes.length, end: 'whole' }, text);
    new Splitter((value) => t.equal(fault(expected[0], value), undefined, answer.text)).push(
      answer.bytes,
    );
  }
  t.equal(pairs, 3);
});

t.test('a seed repeats its plan, and seeds reach every answer and every end', async (t) => {
  t.strictSame(plan(7), plan(7));
  t.notSame(plan(7), plan(8));
  const seen = new Map<string, number>();
  const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  for (let seed = 0; seed < 600; seed++) {
    const { bytes, ending } = plan(seed);
    const { expected, end } = judge(bytes);
    note(end);
    note(ending);
    for (const { size, method, codes } of expected) {
      if (size > 0) note(size > 65_535 ? 'large random' : 'random');
      else note(method);
      for (const code of codes) note(code);
    }
  }
  for (const what of [
    ...['whole', 'partial', 'invalid', 'end', 'stay', 'leave'],
    ...['random', 'large random', 'health', 'status', 'version', 'metrics', 'selftest', 'reseed'],
    ...['ERR_LENGTH', 'ERR_PARAMS', 'ERR_METHOD', 'ERR_MESSAGE', 'ERR_TOO_LARGE', 'ERR_ENTROPY'],
  ])
    t.ok((seen.get(what) ?? 0) > 0, `${what}: ${seen.get(what)}`);
});

t.test(
  'whatever is sent, answers follow docs/protocol.md and descriptors are closed',
  async (t) => {
    const { path, child } = await startDaemonProgram(t);
    const descriptors = () => readdirSync(`/proc/${child.pid}/fd`).length;
    const client = connect({ socketPath: path, timeoutMs: testMs });
    t.teardown(() => client.close());
    const idle = () =>
      until(async () => (await client.status()).connections === 1, 'no other connection is open');
    const seed = randomInt(2 ** 31);
    t.comment(`seed ${seed}`);
    // Opens what the first connections open for good.
    await fuzzFrames({ path, frames: 500, seed: 1 });
    await idle();
    const before = descriptors();
    const report = await fuzzFrames({ path, frames, seed });
    t.ok(report.frames >= frames);
    t.ok(report.questions > 1, `${report.questions} questions of others answered meanwhile`);
    await idle();
    await until(() => descriptors() <= before, `at most ${before} descriptors, as before`);
  },
);

/** What a broken daemon sends instead of answers that came together; undefined: it hangs up. */
type Tamper = (answers: Buffer[]) => Buffer[] | undefined;

/** A proxy that acts as a broken daemon in front of the real one. */
async function startProxy(t: Test, path: string, tamper: Tamper, ends = true): Promise<string> {
  const proxyPath = freePath();
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const daemon = netConnect({ path, allowHalfOpen: true });
    let answers: Buffer[] = [];
    const splitter = new Splitter((_, bytes) => answers.push(Buffer.from(bytes)));
    daemon.on('data', (chunk) => {
      splitter.push(chunk);
      const sent = tamper(answers);
      answers = [];
      if (sent === undefined) client.destroy();
      else for (const bytes of sent) client.write(bytes);
    });
    daemon.on('end', () => {
      if (ends) client.end();
    });
    client.on('data', (chunk) => daemon.write(chunk)).on('end', () => daemon.end());
    client.on('close', () => daemon.destroy());
    for (const socket of [client, daemon]) sockets.add(socket.on('error', () => {}));
  });
  server.listen(proxyPath);
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return proxyPath;
}

/** Changes each answer of `random` with 16 to 255 bytes, whose header takes 10 more. */
const eachRandom =
  (change: (answer: Buffer) => Buffer): Tamper =>
  (answers) =>
    answers.map((answer) => (answer[8] === 0xc4 && answer.length >= 26 ? change(answer) : answer));

const tampers: [name: string, tamper: Tamper, reported: RegExp][] = [
  ['answers are out of order', (answers) => answers.reverse(), /want/],
  [
    'an answer comes twice',
    (answers) => answers.flatMap((bytes) => [bytes, bytes]),
    /want|too many/,
  ],
  ['an answer is missing', (answers) => answers.slice(answers.length > 1 ? 1 : 0), /want/],
  [
    'an id is one off',
    eachRandom((answer) => {
      answer.writeUInt8(answer.readUInt8(6) ^ 1, 6);
      return answer;
    }),
    /want msgid \d+/,
  ],
  [
    'an answer is a byte short',
    eachRandom((answer) => {
      answer.writeUInt8(answer.readUInt8(9) - 1, 9);
      return answer.subarray(0, -1);
    }),
    /want \d+ bytes/,
  ],
  ['bytes are zeros', eachRandom((answer) => answer.fill(0, 10)), /not zeros/],
  [
    'an error has another code',
    (answers) =>
      answers.map((bytes) => {
        const [[, id, error, result] = []] = unpackAll(bytes);
        return error === null ? bytes : pack([1, id, ['ERR_BUSY', ''], result]);
      }),
    /want ERR_[A-Z]+/,
  ],
  ['the bytes are not MessagePack', () => [Buffer.from([0xc1])], /0xc1/],
  ['the connection ends early', () => undefined, /ended too early/],
];

t.test('each fault of a daemon is reported with the seed that shows it', async (t) => {
  const { path } = await startDaemonProgram(t);
  const options = { frames: 500, seed: 1 };
  const honest = await startProxy(t, path, (answers) => answers);
  t.ok((await fuzzFrames({ path: honest, ...options })).frames >= options.frames);
  for (const [name, tamper, reported] of tampers) {
    const proxy = await startProxy(t, path, tamper);
    await t.rejects(fuzzFrames({ path: proxy, ...options }), { message: reported }, name);
  }
  const open = await startProxy(t, path, (answers) => answers, false);
  const [line = ''] = lines(
    await fuzzFrames({ path: open, ...options, waitMs: 3000 }).then(
      () => 'nothing',
      (error: Error) => error.message,
    ),
  );
  t.match(line, /^seed \d+: too late; want the end of the connection/);
});
