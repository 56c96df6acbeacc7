/** The names that a version of entropyd promises to its users, read from its built checkout. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Every command, argument and option, a line each. */
function commandLines({ path, arguments: named, options, commands }) {
  const command = path.join(' ');
  return [
    command,
    ...named.map((_, i) => `${command} argument ${i + 1}`),
    ...options.flatMap(({ long, value, choices }) => {
      const option = `${command} --${long}${value === undefined ? '' : ' VALUE'}`;
      return [option, ...choices.map((choice) => `${option}: ${choice}`)];
    }),
    ...commands.flatMap(commandLines),
  ];
}

/** What programs may import, and the methods of its classes. */
async function library(load, entries) {
  const names = [];
  for (const entry of entries)
    for (const [name, value] of Object.entries(await load(`dist/${entry}.js`))) {
      names.push(`${entry}: ${name}`);
      for (const method of Object.getOwnPropertyNames(value.prototype ?? {}))
        if (method !== 'constructor') names.push(`${entry}: ${name}.${method}`);
    }
  return names;
}

/**
 * All names. That the documented table of metrics is complete is a test of each version.
 * @param {string} folder the checkout, with dist/
 * @returns as `Names` of releases.ts
 */
export async function namesOf(folder) {
  const load = (path) => import(pathToFileURL(join(folder, path)).href);
  const page = readFileSync(join(folder, 'docs/monitoring.md'), 'utf8');
  const { keys } = await load('man/keys.mjs');
  const { programs } = await load('man/commands.mjs');
  const row = /^\| `(entropyd_\w+)(?:\{(.*?)\})?` \| (gauge|counter|histogram) \|/gm;
  return {
    configuration: Object.fromEntries(
      [...keys.config].map(([key, { standard }]) => [key, standard ?? null]),
    ),
    credentials: [...keys.credentials.keys()],
    commandLines: Object.values(programs).flatMap(commandLines),
    library: await library(load, ['index', 'aws-sdk', 'generator']),
    metrics: Object.fromEntries(
      [...page.matchAll(row)].map(([, name, labels = '', type]) => [
        name,
        { type, labels: labels.split(', ').filter((label) => label !== '') },
      ]),
    ),
  };
}
