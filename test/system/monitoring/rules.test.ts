import { readFileSync } from 'node:fs';
import t from 'tap';
import { commandClient, testWith } from '../interop/installed.js';
import { run } from '../interop/run.js';
import { readAlerts, repositoryFile } from './queries.js';

const promtool = commandClient('promtool', 'promtool, of the package prometheus');
const casesFile = repositoryFile('test/system/monitoring/entropyd.rules.test.yml');

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
  const cases = readFileSync(casesFile, 'utf8');
  for (const { alert, labels } of readAlerts()) {
    const fires =
      alert === 'EntropydAbsent'
        ? cases.includes(`alertname: ${alert}`)
        : new RegExp(`alertname="${alert}",.*severity="${labels.severity}"`).test(cases);
    t.ok(fires, `${alert}, ${labels.severity}`);
  }
});

testWith(promtool, 'promtool accepts rules and configuration', async (t, command) => {
  for (const args of [
    ['check', 'rules', repositoryFile('prometheus/entropyd.rules.yml')],
    ['check', 'config', repositoryFile('prometheus/prometheus.yml')],
  ])
    t.match(await run(command, args), { status: 0, stderr: '' }, args.join(' '));
});

testWith(promtool, 'alerts fire when they must, and only then', async (t, command) => {
  const { status, stdout, stderr } = await run(command, ['test', 'rules', casesFile]);
  t.equal(status, 0, `${stdout}${stderr}`);
});
