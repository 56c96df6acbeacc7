import { readFileSync } from 'node:fs';
import t from 'tap';
import { commandClient, testWith } from '../interop/installed.js';
import { run } from '../interop/run.js';
import { readAlerts, readRecorded, repositoryFile } from './queries.js';

const promtool = commandClient('promtool', 'promtool, of the package prometheus');
const casesOf = (name: string) => repositoryFile(`test/system/monitoring/${name}.rules.test.yml`);

t.test('every alert has a severity, a description and a link', async (t) => {
  for (const { alert, labels, annotations } of readAlerts()) {
    t.match(labels, { severity: /^(critical|warning|info)$/ }, alert);
    t.strictSame(Object.keys(annotations), ['summary', 'description', 'runbook'], alert);
    t.equal(annotations.runbook, `docs/monitoring.md#${alert.toLowerCase()}`);
    const whose = alert === 'EntropydAbsent' ? /entropyd/ : /\{\{ \$labels\.instance \}\}/;
    t.match(annotations.summary, whose, alert);
  }
});

t.test('every alert fires in a test case', async (t) => {
  const cases = readFileSync(casesOf('entropyd'), 'utf8');
  for (const { alert, labels } of readAlerts()) {
    const fires =
      alert === 'EntropydAbsent'
        ? cases.includes(`alertname: ${alert}`)
        : new RegExp(`alertname="${alert}",.*severity="${labels.severity}"`).test(cases);
    t.ok(fires, `${alert}, ${labels.severity}`);
  }
});

t.test('every recording rule has a value in a test case', async (t) => {
  const cases = readFileSync(casesOf('fleet'), 'utf8');
  for (const { record } of readRecorded())
    t.match(cases, new RegExp(`expr: ["']?${record}["']?\n`), record);
});

testWith(promtool, 'promtool accepts rules and configuration', async (t, command) => {
  for (const args of [
    ['check', 'rules', repositoryFile('prometheus/entropyd.rules.yml')],
    ['check', 'rules', repositoryFile('prometheus/fleet.rules.yml')],
    ['check', 'config', repositoryFile('prometheus/prometheus.yml')],
  ])
    t.match(await run(command, args), { status: 0, stderr: '' }, args.join(' '));
});

for (const [rule, name] of [
  ['alerts fire when they must, and only then', 'entropyd'],
  ['recording rules have the values that they must', 'fleet'],
] as const)
  testWith(promtool, rule, async (t, command) => {
    const { status, stdout, stderr } = await run(command, ['test', 'rules', casesOf(name)]);
    t.equal(status, 0, `${stdout}${stderr}`);
  });
