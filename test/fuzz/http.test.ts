import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { ApiEntry, ApiResponse } from '../../src/apis/api.js';
import { apis } from '../../src/apis/list.js';
import { startGateway } from '../../src/gateway/gateway.js';
import { clients as listed } from '../apis/clients.js';
import { invented } from '../apis/invented/api.js';
import { inventedClient } from '../apis/invented/client.js';
import { writePrivate } from '../support/credentials.js';
import { fakeSource, memoryLog } from '../support/gateway.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { startDaemonProgram } from '../support/program.js';
import { until } from '../support/until.js';
import { fuzzHttp, type Target } from './http.js';
import { createOracle } from './http-oracle.js';
import { bytesOf, planOf } from './http-plan.js';
import { fuzzHttp2 } from './http2.js';

/** Takes a few seconds; `npm run fuzz:http` runs more. */
const requests = 2500;

const seed = randomInt(2 ** 31);
const credentials = writePrivate(temporaryFolder(), 'credentials.toml');
/** An API more, of which the fuzz knows only what test/apis/invented says. */
const entries: readonly ApiEntry[] = [...apis, invented];
const clients = [...listed, inventedClient];

/** Different bytes for everybody, and not in the order of the requests. */
const source = fakeSource({
  async random(size) {
    const bytes = new Uint8Array(randomBytes(size));
    for (let turns = randomInt(4); turns > 0; turns--) await setImmediate();
    return bytes;
  },
});

/** An open gateway and one with credentials, of these APIs. */
async function startTargets(t: Test, of: readonly ApiEntry[] = apis) {
  const log = memoryLog();
  const targets: Target[] = [];
  for (const known of [undefined, credentials]) {
    const settings = { client: source, dialect: 'otc', log, credentials: known } as const;
    const gateway = await startGateway({ ...settings, listen: ['127.0.0.1:0'] }, of);
    t.teardown(() => gateway.close());
    const port = Number(gateway.addresses[0]?.split(':')[1]);
    targets.push({ to: { host: '127.0.0.1', port }, verifies: known !== undefined });
  }
  return { targets, log };
}

t.test('whatever is sent, the right API answers, in order', async (t) => {
  t.comment(`seed ${seed}`);
  const { targets, log } = await startTargets(t);
  const idle = () =>
    until(
      () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'),
      'every connection is closed',
    );
  // Opens what the first requests open for good.
  await fuzzHttp({ targets, requests: 100, seed: 1 });
  await idle();
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const [before, records] = [descriptors(), log.records.length];
  const report = await fuzzHttp({ targets, requests, seed });
  t.ok(report.requests >= requests);
  for (const status of [200, 400, 401, 403, 404, 405, 501])
    t.ok(report.statuses[status], `${status}`);
  for (const { name } of apis) t.ok(report.responders[name], `requests to ${name}`);
  for (const end of ['half', 'answered', 'leave', 'reset']) t.ok(report.ends[end], end);
  await idle();
  await until(() => descriptors() <= before, `at most ${before} descriptors, as before`);
  t.strictSame(log.records.slice(records), [], 'no failure is logged');
});

t.test('the same over HTTP/2, beside frames that are broken', async (t) => {
  t.comment(`seed ${seed}`);
  const { targets, log } = await startTargets(t, entries);
  await fuzzHttp2({ targets, requests: 100, seed: 1, clients });
  const records = log.records.length;
  const report = await fuzzHttp2({ targets, requests: 400, seed, clients });
  t.ok(report.requests >= 400 && report.good > 0 && report.broken > 0, JSON.stringify(report));
  await until(
    () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'),
    'every connection is closed',
  );
  t.strictSame(log.records.slice(records), [], 'no failure is logged');
});

t.test('an API more is fuzzed as well, and the others beside it', async (t) => {
  t.comment(`seed ${seed}`);
  const { targets } = await startTargets(t, entries);
  const report = await fuzzHttp({ targets, requests: 500, seed, clients });
  for (const { name } of entries) t.ok(report.responders[name], name);
});

t.test('a seed repeats its plan', async (t) => {
  const oracle = createOracle(clients);
  // Signatures have a time in them, and so has what depends on it.
  const shape = (from: number) => {
    const { requests, tail, delivery } = planOf(from, oracle, true);
    return { sizes: requests.map(({ bytes }) => bytes.length), tail: tail.name, delivery };
  };
  for (const from of [0, 1, seed]) t.strictSame(shape(from), shape(from));
  t.not(bytesOf(planOf(1, oracle, true)).compare(bytesOf(planOf(2, oracle, true))), 0);
});

t.test('a fault is found, made small, and told with how to repeat it', async (t) => {
  const constant = new Uint8Array(16).fill(7);
  const good = { status: 200, headers: { 'Content-Type': 'x/dice' } };
  const bad = { status: 401, headers: { 'Content-Type': 'text/x-dice' } };
  for (const [name, answer] of [
    ['15 bytes', () => ({ ...good, body: randomBytes(15) })],
    ['bytes that somebody else has', () => ({ ...good, body: constant.slice() })],
    ['status 202', () => ({ ...good, status: 202, body: randomBytes(16) })],
    ['Content-Type x/die', () => ({ ...good, headers: { 'Content-Type': 'x/die' }, body: '' })],
    ['not ill-rolled', () => ({ ...bad, body: 'well-rolled' })],
    ['status 401', () => ({ ...bad, body: 'ill-rolled: x' })],
    ['status 500', () => ({ ...bad, status: 500, body: 'ill-rolled: x' })],
    ['status 500', () => Promise.reject(new Error('thrown'))],
    [
      'a CORS header',
      () => ({ ...good, headers: { 'Access-Control-Allow-Origin': '*' }, body: '' }),
    ],
  ] as [string, () => ApiResponse | Promise<ApiResponse>][]) {
    const faulty = {
      ...invented,
      create: () => ({ ...invented.create(), answer: async () => answer() }),
    };
    const { targets } = await startTargets(t, [faulty]);
    const failure: Error = await fuzzHttp({
      ...{ targets, requests: 500, seed: 1, clients: [inventedClient] },
    }).then(
      () => t.fail(name) as never,
      (error) => error,
    );
    t.match(failure.message, name);
    const own = /^seed (\d+): /.exec(failure.message)?.[1];
    t.match(failure.message, `repeat it: npm run fuzz:http -- 1 ${own}\n`);
    const [, left] = /\n {2}(\d) requests and the tail/.exec(failure.message) ?? [];
    t.ok(Number(left) <= 2, `${name}: small`);
  }
});

t.test('the daemon with its gateway survives', async (t) => {
  t.comment(`seed ${seed}`);
  const config = join(temporaryFolder(), 'gateway.toml');
  writeFileSync(config, `[gateway]\ncredentials = "${credentials}"\n`);
  const socket = freePath();
  const program = await startDaemonProgram(t, ['--config', config, '--http', `unix:${socket}`]);
  await program.says('gateway listening');
  await fuzzHttp({ targets: [{ to: { path: socket }, verifies: true }], requests: 500, seed });
  t.match(await program.kill('SIGTERM'), { status: 0 });
});
