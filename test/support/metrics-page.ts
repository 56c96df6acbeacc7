/** Reads a page of metrics as Prometheus does. */
import { lines } from './program.js';

/** A page's samples by their name and labels, as they stand there. */
export function samplesOf(page: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of lines(page)) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name, value] = /^(\S+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
    found.set(name ?? line, Number(value?.replace('Inf', 'Infinity')));
  }
  return found;
}

/** A page's metrics: their names, with type and help. */
export function metricsOf(page: string): Map<string, { type: string; help: string }> {
  const helps = new Map<string, string>();
  const found = new Map<string, { type: string; help: string }>();
  for (const line of lines(page)) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (word === 'HELP') helps.set(name, rest);
    if (word === 'TYPE') {
      if (found.has(name)) throw new Error(`${name} stands twice on the page`);
      found.set(name, { type: rest, help: helps.get(name) ?? '' });
    }
  }
  return found;
}
