/** Clients and daemons of other releases: each release's client with this daemon, and this client with each release's daemon. */
import t from 'tap';
import { connect } from '../../src/client/client.js';
import { EntropyError } from '../../src/common/errors.js';
import { adminServer, startFake } from '../support/daemon.js';
import { freePath } from '../support/paths.js';
import { run, startDaemonProgram } from '../support/program.js';
import { message, open, takeAnswers, unpackAll } from '../support/raw.js';
import { type Answer, releases } from './releases.js';

/** `random` in pieces of at most 1 MiB, each with another width of its header. */
const sizes = [1, 32, 255, 256, 65_535, 65_536, 1_048_576, 1_048_577];

/** Members of a source that a host may not have. */
const ofSomeHosts = ['rngCurrent'];

type Message = [number, number, [string, string] | null, unknown];

const decode = (hex: string) => unpackAll(Buffer.from(hex, 'hex'))[0] as unknown as Message;

/** A filled array, in the terms of `fakeGenerator`. */
const filled = (size: number, byte: number) => new Uint8Array(size).fill(byte);

/** What `now` lacks of `then`: members, and values of the same type. Elements of arrays are matched by name. */
function lacking(then: unknown, now: unknown, path: string): string[] {
  if (typeof then !== typeof now || Array.isArray(then) !== Array.isArray(now)) return [path];
  if (Array.isArray(then) && Array.isArray(now))
    return then.flatMap((each: { name?: string }, i) => {
      const { name } = each;
      if (name === undefined) return now.length > 0 ? lacking(each, now[0], `${path}[${i}]`) : [];
      return lacking(
        each,
        now.find((other) => other.name === name),
        `${path} ${name}`,
      );
    });
  if (typeof then !== 'object' || then === null || then instanceof Uint8Array) return [];
  return Object.entries(then)
    .filter(([key]) => !ofSomeHosts.includes(key))
    .flatMap(([key, value]) =>
      lacking(value, (now as Record<string, unknown>)[key], `${path}.${key}`),
    );
}

/** A recorded answer with the id of another request. */
function withId(answer: Buffer, id: number): Buffer {
  const idSize = answer[2] === 0xce ? 5 : 1;
  const header = Buffer.from([0x94, 0x01, 0xce, 0, 0, 0, 0]);
  header.writeUInt32BE(id, 3);
  return Buffer.concat([header, answer.subarray(2 + idSize)]);
}

/** A daemon that answers as a release did; its path. */
async function replayed(t: Parameters<typeof startFake>[0], answers: Answer[]): Promise<string> {
  const { path } = await startFake(
    t,
    (socket) => {
      let read = Buffer.alloc(0);
      socket.on('data', (data) => {
        read = Buffer.concat([read, data]);
        let requests: unknown[][];
        try {
          requests = unpackAll(read);
        } catch {
          return; // The last one is incomplete.
        }
        read = Buffer.alloc(0);
        for (const [, id, method, params] of requests) {
          const wanted = JSON.stringify([method, params]);
          const found = answers.find(
            ({ request: [, , ...rest] }) => JSON.stringify(rest) === wanted,
          );
          if (found === undefined) throw new Error(`no answer was recorded to ${wanted}`);
          socket.write(withId(Buffer.from(found.answer, 'hex'), id as number));
        }
      });
    },
    freePath(),
  );
  return path;
}

for (const { version, answers, client } of releases) {
  t.test(`the client of ${version} gets all it asks of this daemon`, async (t) => {
    const library = await client();
    const old = library.connect({ socketPath: await adminServer(t), mixLocal: false });
    t.teardown(() => old.close());
    const all = sizes.map(async (size) => [size, Buffer.from(await old.random(size))] as const);
    for (const [size, bytes] of await Promise.all(all))
      t.ok(bytes.equals(filled(size, 0xaa)), `${size} bytes, pipelined`);
    t.strictSame(await old.random(16, { predictionResistance: true }), filled(16, 0xbb));
    t.same(await old.noise('getrandom', 16), filled(16, 0xcc));
    t.match(await old.health(), { state: 'operational', healthy: true, sources: [] });
    t.match(await old.status(), { version: '1.2.3', state: 'operational', connections: 1 });
    t.match(await old.version(), { name: 'entropyd', protocol: 1 });
    t.match(await old.metrics(), /^entropyd_state\{state="operational"\} 1$/m);
    t.match(await old.selftest(), { passed: true, state: 'operational' });
    t.match(await old.reseed(), { state: 'operational', reseeds: 1 });
    t.match((await old.generateRandom({ NumberOfBytes: 32 })).Plaintext, filled(32, 0xaa));
    t.match(await old.genRandom({ random_data_length: '512' }), { random_data: 'AA'.repeat(64) });
    t.match(await old.randomUUID(), /^a{8}-a{4}-4a{3}-aa{3}-a{12}$/);
    t.equal(await old.randomInt(0, 256), 0xaa);
  });

  t.test(`the client of ${version} is told each refusal by its code`, async (t) => {
    const library = await client();
    for (const code of ['ERR_NOT_SEEDED', 'ERR_HEALTH', 'ERR_ENTROPY'] as const) {
      const refuse = async () => {
        throw new EntropyError(code, 'why');
      };
      const path = await adminServer(t, { fillPredictionResistant: refuse });
      const old = library.connect({ socketPath: path });
      t.teardown(() => old.close());
      await t.rejects(old.random(16, { predictionResistance: true }), { code });
    }
  });

  t.test(`this daemon's answers have all that those of ${version} had`, async (t) => {
    const daemon = await startDaemonProgram(t);
    const socket = await open(t, daemon.path);
    for (const { request, answer } of answers) {
      const [, , method, params] = request;
      socket.write(message(request[1], method, params));
      const [now = []] = await takeAnswers(socket, 1);
      const [, , errorThen, resultThen] = decode(answer);
      const [, id, error, result] = now as Message;
      t.equal(id, request[1], method);
      const code = error?.[0];
      if (errorThen === null) {
        // A host without noise to spare, or a test that is no administrator.
        if (code === 'ERR_ENTROPY' || code === 'ERR_FORBIDDEN') t.comment(`${method}: ${code}`);
        else t.strictSame(lacking(resultThen, result, method), [], method);
      } else if (errorThen[0] !== 'ERR_METHOD')
        t.equal(code, errorThen[0], `${method} ${JSON.stringify(params)}`);
    }
  });

  t.test(`this client gets all it asks of a daemon of ${version}`, async (t) => {
    const socketPath = await replayed(t, answers);
    const recorded = (method: string, first?: unknown) =>
      decode(
        answers.find(({ request: [, , name, [n]] }) => name === method && n === first)?.answer ??
          '',
      )[3];
    const own = connect({ socketPath, mixLocal: false });
    t.teardown(() => own.close());
    for (const size of [32, 300])
      t.same(await own.random(size), recorded('random', size), `${size} bytes`);
    t.same(await own.random(16, { predictionResistance: true }), recorded('random', 16));
    t.same(await own.noise('getrandom', 16), recorded('noise', 'getrandom'));
    for (const method of ['health', 'status', 'version', 'metrics', 'selftest', 'reseed'] as const)
      t.same(await own[method](), recorded(method), method);
    await t.rejects(own.history(), { code: 'ERR_METHOD' }, 'which that daemon does not have');
  });

  t.test(`this entropyctl shows a daemon of ${version}`, async (t) => {
    const socket = ['--socket', await replayed(t, answers)];
    const shown = async (command: string) => run(t, 'entropyctl', [command, ...socket]);
    t.match(await shown('health'), { status: 0, stdout: /^OK - operational/, stderr: '' });
    const text = (await shown('status')).stdout;
    t.ok(text.includes(`entropyd ${version} `), 'status');
    t.notMatch(text, /undefined|NaN|null/, 'no gap');
    t.match(await shown('version'), { status: 0, stdout: new RegExp(`${version}, protocol 1`) });
    t.match(await shown('metrics'), { status: 0, stdout: /^entropyd_state\{/m });
    t.match(await shown('wait'), { status: 0, stdout: /^operational/ });
  });
}
