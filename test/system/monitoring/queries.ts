/** The queries of the rules and the dashboards, and the series that each of them needs. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parser } from '@prometheus-io/lezer-promql';
import { parse } from 'yaml';

/** The path of a file of the repository. */
export function repositoryFile(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url));
}

/** An alert as Prometheus reads it. */
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** All alerts of prometheus/entropyd.rules.yml. */
export function readAlerts(): Alert[] {
  const text = readFileSync(repositoryFile('prometheus/entropyd.rules.yml'), 'utf8');
  return parse(text).groups.flatMap(({ rules }: { rules: Alert[] }) => rules);
}

/** A recording rule as Prometheus reads it. */
export interface Recorded {
  /** `LEVEL:METRIC:OPERATION`, the level being the labels that are left, but `job`. */
  readonly record: string;
  readonly expr: string;
}

/** All rules of prometheus/fleet.rules.yml. */
export function readRecorded(): Recorded[] {
  const text = readFileSync(repositoryFile('prometheus/fleet.rules.yml'), 'utf8');
  return parse(text).groups.flatMap(({ rules }: { rules: Recorded[] }) => rules);
}

/** The dashboards of grafana/. */
export const dashboards = ['entropyd.json', 'fleet.json'] as const;

/** The checked members of a panel. */
export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: unknown;
  readonly gridPos: {
    readonly h: number;
    readonly w: number;
    readonly x: number;
    readonly y: number;
  };
  readonly targets?: readonly { readonly expr: string; readonly datasource: unknown }[];
}

/** The checked members of a dashboard. */
export interface Dashboard {
  readonly [name: string]: unknown;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Record<string, unknown>[] };
}

export function readDashboard(name: (typeof dashboards)[number]): Dashboard {
  return JSON.parse(readFileSync(repositoryFile(`grafana/${name}`), 'utf8'));
}

/** A query as Grafana sends it to Prometheus. */
export function withoutVariables(expr: string): string {
  return expr.replaceAll('$__rate_interval', '1m').replaceAll(/\$(instance|job)/g, '.*');
}

/** A selector: a metric's name and its label matchers. */
export interface Selector {
  readonly name: string;
  readonly matchers: readonly {
    readonly label: string;
    readonly operator: string;
    readonly value: string;
  }[];
}

/** The parts of a query. */
export interface Query {
  readonly selectors: readonly Selector[];
  /** Labels of `by`, `on` and the like. */
  readonly grouping: readonly string[];
}

/** @throws Error if `expr` is not PromQL */
export function readQuery(expr: string): Query {
  const selectors: {
    name: string;
    matchers: { label: string; operator: string; value: string }[];
  }[] = [];
  const grouping: string[] = [];
  parser.parse(expr).iterate({
    enter({ type, node, from, to }) {
      const text = expr.slice(from, to);
      if (type.isError) throw new Error(`no PromQL at character ${from}: ${expr}`);
      if (type.name === 'VectorSelector') {
        const name = node.getChild('Identifier');
        selectors.push({ name: name ? expr.slice(name.from, name.to) : '', matchers: [] });
      } else if (type.name === 'UnquotedLabelMatcher') {
        const [, label = '', operator = '', value = ''] =
          /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/s.exec(text) ?? [];
        selectors.at(-1)?.matchers.push({ label, operator, value: JSON.parse(`"${value}"`) });
      } else if (type.name === 'LabelName' && node.parent?.name === 'GroupingLabels')
        grouping.push(text);
    },
  });
  return { selectors, grouping };
}
