import { randomInt } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { apis } from '../../src/apis/list.js';
import { startGateway } from '../../src/gateway/gateway.js';
import { fakeSource, memoryLog } from '../support/gateway.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { startDaemonProgram } from '../support/program.js';
import { until } from '../support/until.js';
import { fuzzHttp } from './http.js';
import { credentialsFile } from './http-requests.js';

/** Takes a few seconds; `npm run fuzz:http` runs more. */
const requests = 1500;
/** Ends a daemon that hangs. */
const testMs = 100_000;

const seed = randomInt(2 ** 31);
const path = join(temporaryFolder(), 'credentials.toml');
writeFileSync(path, credentialsFile, { mode: 0o600 });

for (const [name, credentials] of [
  ['open', undefined],
  ['with credentials', path],
] as const)
  t.test(`whatever is sent, the right API answers, in order: ${name}`, async (t) => {
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
    const idle = () =>
      until(
        () => !process.getActiveResourcesInfo().includes('TCPSocketWrap'),
        'every connection is closed',
      );
    // Opens what the first requests open for good.
    await fuzzHttp({ to, requests: 50, seed: 1, verifies });
    await idle();
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const [before, records] = [descriptors(), log.records.length];
    const report = await fuzzHttp({ to, requests, seed, verifies });
    t.ok(report.requests >= requests);
    for (const status of [200, 400, 403, 404, 405]) t.ok(report.statuses[status], `${status}`);
    for (const api of apis)
      t.ok(
        report.responders[api.name as keyof typeof report.responders],
        `requests to ${api.name}`,
      );
    await idle();
    await until(() => descriptors() <= before, `at most ${before} descriptors, as before`);
    t.equal(log.records.length, records, 'no failure is logged');
  });

t.test('the daemon with its gateway survives', async (t) => {
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
