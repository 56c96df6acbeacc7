/** Parses pages in the Prometheus text format. */
import { lines } from './program.js';

/** Samples by name and labels, written as on the page: `name{label="value"}`. */
export function samplesOf(page: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of lines(page)) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, value] = /^(\S+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    found.set(name ?? line, Number(value?.replace('Inf', 'Infinity')));
  }
  return found;
}

/**
 * Metrics by name.
 * @throws Error if a metric is declared twice
 */
export function metricsOf(page: string): Map<string, { type: string; help: string }> {
  const helps = new Map<string, string>();
  const found = new Map<string, { type: string; help: string }>();
  for (const line of lines(page)) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (word === 'HELP') helps.set(name, rest);
    if (word === 'TYPE') {
      if (found.has(name)) throw new Error(`${name} is declared twice on the page`);
      found.set(name, { type: rest, help: helps.get(name) ?? '' });
    }
  }
  return found;
}
