import t from 'tap';
import { dashboards, readDashboard } from './queries.js';

/** Columns of Grafana's grid. */
const gridWidth = 24;

/** The variables that a user of the dashboard chooses. */
const chosen = '$' + '{datasource}';

/** What is chosen besides: hosts, or fleets; with the query for its values. */
const choices = {
  'entropyd.json': {
    title: 'entropyd',
    variable: 'instance',
    values:
      /^label_values\(\{__name__=~"entropyd_build_info\|entropyd_gateway_build_info"\}, instance\)$/,
  },
  'fleet.json': {
    title: 'entropyd fleet',
    variable: 'job',
    values: /^label_values\(instance:entropyd_serving:bool, job\)$/,
  },
};

for (const name of dashboards) {
  const dashboard = readDashboard(name);
  const { title, variable, values } = choices[name];

  t.test(`${name} can be imported anywhere: nothing in it is one installation's`, async (t) => {
    const uid = title.replace(' ', '-');
    t.match(dashboard, { id: null, uid, title, schemaVersion: 38 });
    t.match(dashboard.templating.list, [
      { name: 'datasource', type: 'datasource', query: 'prometheus' },
      { name: variable, type: 'query', datasource: { uid: chosen }, multi: true },
    ]);
    t.match(dashboard.templating.list[1]?.definition, values);
    const uids = [...JSON.stringify(dashboard).matchAll(/"uid":"([^"]*)"/g)].map(
      ([, each]) => each,
    );
    t.strictSame(new Set(uids), new Set([chosen, uid]));
  });

  t.test(`${name}: every panel says what it shows, for what is chosen`, async (t) => {
    for (const { type, title, description, datasource, targets = [] } of dashboard.panels) {
      t.ok(title);
      if (type === 'row') continue;
      t.match(description, /^[A-Z].*\.$/, title);
      t.ok(targets.length > 0, title);
      for (const target of targets) {
        t.strictSame(target.datasource, datasource, title);
        const selectors = target.expr.match(/[\w:]*(entropyd|haproxy)_[\w:]+(\{[^}]*\})?/g) ?? [];
        t.ok(selectors.length > 0, title);
        // haproxy has a job of its own; docs/fleet.md names its sections.
        for (const selector of selectors)
          if (selector.startsWith('haproxy_'))
            t.match(selector, /\{proxy="(hosts|clients)"/, title);
          else t.match(selector, `{${variable}=~"$${variable}"`, title);
      }
    }
  });

  t.test(`${name}: panels have unique ids and do not overlap`, async (t) => {
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
}
