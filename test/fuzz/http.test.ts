import { randomInt } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { startGateway } from '../../src/gateway/gateway.js';
import { fakeSource, memoryLog } from '../support/gateway.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { startDaemonProgram } from '../support/program.js';
import { fuzzHttp } from './http.mjs';
import { credentialsFile } from './http-requests.mjs';

/** A few seconds' worth; `npm run fuzz:http` for more. */
const requests = 1500;
const testMs = 100_000;

const seed = randomInt(2 ** 31);
const path = join(temporaryFolder(), 'credentials.toml');
writeFileSync(path, credentialsFile, { mode: 0o600 });

for (const [name, credentials] of [
  ['open', undefined],
  ['with credentials', path],
] as const)
  t.test(`whatever is sent, the answers are of the API and in order: ${name}`, async (t) => {
    t.comment(`seed ${seed}`);
    const log = memoryLog();
    const gateway = await startGateway({
      listen: ['127.0.0.1:0'],
      client: fakeSource(),
      dialect: 'otc',
      credentials,
      log,
    });
    t.teardown(() => gateway.close());
    const to = { host: '127.0.0.1', port: Number(gateway.addresses[0]?.split(':')[1]) };
    const verifies = credentials !== undefined;
    await fuzzHttp({ to, requests: 50, seed: 1, verifies });
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const [before, records] = [descriptors(), log.records.length];
    const report = await fuzzHttp({ to, requests, seed, verifies });
    t.ok(report.requests >= requests);
    for (const status of [200, 400, 404, 405]) t.ok(report.statuses[status], `${status}`);
    for (let waited = 0; descriptors() > before && waited < 5000; waited += 50)
      await setTimeout(50);
    t.ok(descriptors() <= before, `${descriptors()} descriptors, ${before} before`);
    t.equal(log.records.length, records, 'no failure is logged');
  });

t.test('the program stays up', async (t) => {
  t.comment(`seed ${seed}`);
  const config = join(temporaryFolder(), 'gateway.toml');
  writeFileSync(config, `[gateway]\ncredentials = "${path}"\n`);
  const socket = freePath();
  const program = await startDaemonProgram(t, ['--config', config, '--http', `unix:${socket}`], {
    timeout: testMs,
  });
  await program.says('gateway listening');
  await fuzzHttp({ to: { path: socket }, requests: 500, seed, verifies: true });
  t.match(await program.kill('SIGTERM'), { status: 0 });
});
