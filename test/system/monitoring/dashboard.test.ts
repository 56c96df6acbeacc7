import t from 'tap';
import { readDashboard } from './queries.js';

/** Columns of Grafana's grid. */
const gridWidth = 24;

/** The variables that a user of the dashboard chooses. */
const chosen = '$' + '{datasource}';

const dashboard = readDashboard();

t.test('it can be imported anywhere: nothing in it belongs to one installation', async (t) => {
  t.match(dashboard, { id: null, uid: 'entropyd', title: 'entropyd', schemaVersion: 38 });
  t.match(dashboard.templating.list, [
    { name: 'datasource', type: 'datasource', query: 'prometheus' },
    { name: 'instance', type: 'query', datasource: { uid: chosen }, multi: true },
  ]);
  t.match(
    dashboard.templating.list[1]?.definition,
    /^label_values\(\{__name__=~"entropyd_build_info\|entropyd_gateway_build_info"\}, instance\)$/,
  );
  const uids = [...JSON.stringify(dashboard).matchAll(/"uid":"([^"]*)"/g)].map(([, uid]) => uid);
  t.strictSame(new Set(uids), new Set([chosen, 'entropyd']));
});

t.test('every panel says what it shows, for the chosen instances', async (t) => {
  for (const { type, title, description, datasource, targets = [] } of dashboard.panels) {
    t.ok(title);
    if (type === 'row') continue;
    t.match(description, /^[A-Z].*\.$/, title);
    t.ok(targets.length > 0, title);
    for (const target of targets) {
      t.strictSame(target.datasource, datasource, title);
      const selectors = target.expr.match(/entropyd_\w+(\{[^}]*\})?/g) ?? [];
      t.ok(selectors.length > 0, title);
      for (const selector of selectors) t.match(selector, '{instance=~"$instance"', title);
    }
  }
});

t.test('panels have unique ids and do not overlap', async (t) => {
  const { panels } = dashboard;
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { title, gridPos } of panels) {
    t.ok(gridPos.x + gridPos.w <= gridWidth, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        if (taken.has(`${x},${y}`)) t.fail(`${title} at ${x},${y}`);
        taken.add(`${x},${y}`);
      }
  }
});
