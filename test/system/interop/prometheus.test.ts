/** Debian's Prometheus scrapes running gateways with this package's rules and dashboards. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { connect } from '../../../src/client/client.js';
import { createGenerator } from '../../../src/generator/create.js';
import { Counters } from '../../../src/server/activity.js';
import { daemonMetrics } from '../../../src/server/metrics.js';
import { makeCertificate } from '../../support/certificates.js';
import { untilAnswers } from '../../support/daemon.js';
import { call } from '../../support/gateway.js';
import { metricsOf, samplesOf } from '../../support/metrics-page.js';
import { freePath, freePort } from '../../support/paths.js';
import { built, Program } from '../../support/program.js';
import { signAws } from '../../support/signing/signed-calls.js';
import { until } from '../../support/until.js';
import {
  dashboards,
  readAlerts,
  readDashboard,
  readRecorded,
  repositoryFile,
  withoutVariables,
} from '../monitoring/queries.js';
import { realPage } from '../monitoring/real-page.js';
import { commandClient, testWith } from './installed.js';

const prometheus = commandClient('prometheus', 'Prometheus, of the package prometheus');
const promtool = commandClient('promtool', 'promtool, of the package prometheus');

/** Longest that Prometheus may take for anything on a slow machine. */
const patience = { limitMs: 60_000, pollMs: 200 };

/** The first answer that `wanted` accepts; errors are not answers. */
async function eventually<Value>(
  ask: () => Promise<Value>,
  wanted: (value: Value) => boolean,
): Promise<Value> {
  let last: unknown;
  const look = async () => {
    const value = await ask().catch((error: Error) => error);
    last = value;
    return !(value instanceof Error) && wanted(value) && { value };
  };
  const { value } = await until(look, 'the wanted answer', patience).catch((error) => {
    throw new Error(
      `${error.message}; the last one: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
    );
  });
  return value;
}

/** Starts the built program. @returns its gateway's address */
async function startGateway(t: Test, args: readonly string[]): Promise<string> {
  const program = new Program(t, [built('entropyd'), ...args]);
  const listening = /"addresses":\["([^"]+)"\]/;
  return listening.exec(await program.says(listening))?.[1] ?? '';
}

/** Holds certificate, configuration and database. */
const dir = t.testdir();

/** The answers of Prometheus's HTTP API by path. */
interface Answers {
  readonly query: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly value: readonly [time: number, value: string];
    }[];
  };
  readonly 'label/__name__/values': readonly string[];
  readonly rules: {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly name: string;
        readonly health: string;
        readonly lastError?: string;
      }[];
    }[];
  };
  readonly alerts: {
    readonly alerts: readonly {
      readonly labels: Readonly<Record<string, string>>;
      readonly state: string;
    }[];
  };
}

/** Asks Prometheus. @throws Error if it finds a fault in the query */
type Query = <Path extends keyof Answers>(
  path: Path,
  parameters?: Record<string, string>,
) => Promise<Answers[Path]>;

/** Starts Prometheus with the package's rules, until the test ends. */
async function startPrometheus(t: Test, command: string, scrapes: object[]): Promise<Query> {
  const config = join(dir, 'prometheus.yml');
  writeFileSync(
    config,
    JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['entropyd', 'fleet'].map((name) =>
        repositoryFile(`prometheus/${name}.rules.yml`),
      ),
      scrape_configs: scrapes,
    }),
  );
  const address = `127.0.0.1:${await freePort()}`;
  const args = [
    command,
    ...['--config.file', config, '--storage.tsdb.path', join(dir, 'data')],
    ...['--web.listen-address', address, '--log.level', 'warn'],
  ];
  const program = new Program(t, args, { script: 'exec "$0" "$@"' });
  const died = program.ended.then(({ stderr }) => Promise.reject(new Error(stderr)));
  const ready = eventually(
    () => fetch(`http://${address}/-/ready`),
    ({ ok }) => ok,
  );
  await Promise.race([died, ready]);
  return async (path, parameters = {}) => {
    const url = `http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`;
    const { status, data, error } = JSON.parse(await (await fetch(url)).text());
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  };
}

testWith(
  prometheus,
  'Prometheus scrapes gateways, and notices a daemon that ends',
  async (t, command) => {
    const certificate = makeCertificate(dir, 'gateway');
    const [inOne, apart] = [freePath(), freePath()];
    const daemon = new Program(t, [built('entropyd'), '--socket', apart]);
    await untilAnswers(apart);
    const one = await startGateway(t, ['--socket', inOne, '--http', '127.0.0.1:0']);
    const other = await startGateway(t, [
      ...['gateway', '--socket', apart, '--listen', '127.0.0.1:0'],
      ...['--tls-cert', certificate.certificate, '--tls-key', certificate.key],
    ]);
    const query = await startPrometheus(t, command, [
      { job_name: 'entropyd', static_configs: [{ targets: [one] }] },
      {
        job_name: 'entropyd-tls',
        scheme: 'https',
        tls_config: { ca_file: certificate.certificate },
        static_configs: [{ targets: [other] }],
      },
    ]);
    const values = async (expr: string) =>
      (await query('query', { query: expr })).result.map(({ metric, value }) => [
        metric.instance,
        value[1],
      ]);

    await eventually(
      () => values('up == 1'),
      ({ length }) => length === 2,
    );
    t.strictSame(
      (await values('entropyd_gateway_daemon_up')).sort(),
      [one, other].map((instance) => [instance, '1']).sort(),
      'both are scraped, one over TLS',
    );

    const page = await (await fetch(`http://${one}/metrics`)).text();
    const names = await query('label/__name__/values');
    for (const [name, { type }] of metricsOf(page))
      t.ok(names.includes(type === 'histogram' ? `${name}_bucket` : name), name);

    const body = '{"NumberOfBytes":32}';
    const headers = signAws({ accessKey: 'AKID', secretKey: 'any' }, body);
    const port = Number(one.split(':')[1]);
    t.match(await call({ port, method: 'POST', headers, body }), { status: 200 });
    await eventually(
      () => values('entropyd_gateway_random_bytes_total{api="aws-kms"} == 32'),
      ({ length }) => length === 1,
    );

    const rules = await eventually(
      async () => (await query('rules')).groups.flatMap((group) => group.rules),
      (all) => all.every(({ health }) => health !== 'unknown'),
    );
    t.equal(rules.length, readAlerts().length + readRecorded().length);
    for (const { name, health, lastError = '' } of rules)
      t.strictSame([health, lastError], ['ok', ''], name);
    for (const { title, targets = [] } of dashboards.flatMap((each) => readDashboard(each).panels))
      for (const { expr } of targets)
        await t.resolves(query('query', { query: withoutVariables(expr) }), title);

    // Each gateway of the test is a job, and so a fleet.
    const serving = () => values('job:entropyd_serving:sum == 1');
    await eventually(serving, ({ length }) => length === 2);
    t.strictSame(await values('job:entropyd_serving:sum != job:entropyd_hosts:count'), []);

    await daemon.kill('SIGTERM');
    await eventually(serving, ({ length }) => length === 1);
    t.strictSame(await values('instance:entropyd_serving:bool == 0'), [[other, '0']]);
    const alerts = async () =>
      (await query('alerts')).alerts.map(
        ({ labels, state }) => `${labels.alertname} ${labels.instance} ${state}`,
      );
    await eventually(alerts, (found) =>
      found.includes(`EntropydGatewayDaemonAway ${other} pending`),
    );
    t.strictSame(await values('entropyd_gateway_daemon_up == 0'), [[other, '0']]);
    await eventually(
      () => values('up == 1'),
      ({ length }) => length === 2,
    );
    t.notOk((await alerts()).some((alert) => alert.includes(`Away ${one}`)));
  },
);

/** promtool's findings about a page. */
async function lint(command: string, page: string): Promise<string> {
  const child = spawn(command, ['check', 'metrics']);
  child.stdin.end(page);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return `${stdout}${stderr}`;
}

testWith(promtool, 'promtool finds nothing wrong with any page', async (t, command) => {
  const socketPath = freePath();
  new Program(t, [built('entropyd'), '--socket', socketPath]);
  await untilAnswers(socketPath);
  const client = connect({ socketPath });
  t.teardown(() => client.close());
  const given = { counters: new Counters(), limits: { connections: 1 } };
  const generator = createGenerator();
  const fallback = createGenerator({}, { reason: 'not built' });
  t.teardown(() => generator.close());
  const failed = { ...generator.status(), state: 'error' as const, healthy: false };
  for (const [name, page, state] of [
    ['of the socket', await client.metrics(), 'operational'],
    ['of the gateway', await realPage(t), 'operational'],
    ['in the fallback', await daemonMetrics({ ...given, generator: fallback }), 'fallback'],
    [
      'in the error state',
      await daemonMetrics({ ...given, generator: { status: () => failed } }),
      'error',
    ],
  ] as const) {
    t.equal(samplesOf(page).get(`entropyd_state{state="${state}"}`), 1, name);
    t.equal(await lint(command, page), '', name);
  }
  t.not(await lint(command, 'no page at all'), '', 'a fault is found');
});
