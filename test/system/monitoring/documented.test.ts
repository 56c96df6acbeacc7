import { readFileSync } from 'node:fs';
import t from 'tap';
import { metricsOf } from '../../support/metrics-page.js';
import { readAlerts, readRecorded, repositoryFile } from './queries.js';
import { realPage } from './real-page.js';

const page = readFileSync(repositoryFile('docs/monitoring.md'), 'utf8');

/** Rows of the tables of metrics: name, labels, type, meaning. */
const documented = [
  ...page.matchAll(/^\| `(entropyd_\w+)(?:\{(.*?)\})?` \| (gauge|counter|histogram) \| (.+) \|$/gm),
];

t.test('every metric is documented, with its type and its labels, and no other', async (t) => {
  const metrics = await realPage(t);
  const there = [...metricsOf(metrics)].map(([name, { type }]) => {
    const suffix = type === 'histogram' ? '_count' : '';
    const sample = new RegExp(`^${name}${suffix}\\{(.*)\\} `, 'm').exec(metrics)?.[1] ?? '';
    const labels = [...sample.matchAll(/(\w+)="/g)].map(([, label]) => label);
    return `${name} ${labels} ${type}`;
  });
  t.strictSame(
    documented.map(([, name, labels = '', type]) => `${name} ${labels.split(', ')} ${type}`).sort(),
    there.sort(),
  );
});

t.test(
  'every alert has a section that says what it means and what to do, and no other',
  async (t) => {
    const alerts = [...new Set(readAlerts().map(({ alert }) => alert))];
    const sections = [...page.matchAll(/^#### (Entropyd\w+)\n\n(.+)/gm)];
    t.strictSame(
      sections.map(([, name]) => name),
      alerts,
      'in the order of the rules',
    );
    for (const [, name, text = ''] of sections) t.ok(text.length > 60, name ?? '');
  },
);

t.test('every recording rule is documented, and no other', async (t) => {
  const text = readFileSync(repositoryFile('docs/fleet.md'), 'utf8');
  t.strictSame(
    [...text.matchAll(/`(\w+:entropyd_\w+:\w+)`/g)].map(([, name = '']) => name).sort(),
    readRecorded()
      .map(({ record }) => record)
      .sort(),
  );
});
