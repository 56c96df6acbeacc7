/** What a release promised is still there: docs/decisions/0033-what-a-version-promises.md. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type Names, releases } from './releases.js';

const { namesOf } = await import(new URL('names.mjs', import.meta.url).href);
const now: Names = await namesOf(fileURLToPath(new URL('../..', import.meta.url)));

/** What is missing now from a list of a release. */
const gone = (then: readonly string[], present: readonly string[]) =>
  then.filter((name) => !present.includes(name));

for (const { version, names } of releases) {
  t.test(`the configuration of ${version} has the same keys and defaults`, async (t) => {
    for (const [key, standard] of Object.entries(names.configuration))
      t.equal(now.configuration[key], standard, key);
    t.strictSame(gone(names.credentials, now.credentials), []);
    t.ok(Object.keys(names.configuration).length >= 30 && names.credentials.length >= 14);
  });

  t.test(`the command lines of ${version} have the same meaning`, async (t) => {
    t.strictSame(gone(names.commandLines, now.commandLines), []);
    t.ok(names.commandLines.length >= 80);
  });

  t.test(`programs written for ${version} find what they import`, async (t) => {
    t.strictSame(gone(names.library, now.library), []);
    t.ok(names.library.length >= 20);
  });

  t.test(`the metrics of ${version} have the same names, types and labels`, async (t) => {
    for (const [name, { type, labels }] of Object.entries(names.metrics)) {
      t.equal(now.metrics[name]?.type, type, name);
      t.strictSame(gone(labels, now.metrics[name]?.labels ?? []), [], name);
    }
    t.ok(Object.keys(names.metrics).length >= 40);
  });
}

t.ok(releases.length >= 1, 'a release was recorded');
