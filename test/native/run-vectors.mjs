/** `npm run vectors -- FILE`: runs a file of DRBG vectors; fails if any vector fails. */
import { readFileSync } from 'node:fs';
import { applies, passes } from './vectors.mjs';

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: npm run vectors -- FILE');
  process.exit(64);
}
const { tests } = JSON.parse(readFileSync(file, 'utf8'));
const ours = tests.filter(applies);
const failed = ours.filter((test) => !passes(test));
for (const { id, mode } of failed) console.log(`case ${id} (${mode}) failed`);
console.log(
  `${ours.length - failed.length} passed, ${failed.length} failed, ${tests.length - ours.length} skipped`,
);
process.exitCode = failed.length > 0 || ours.length === 0 ? 1 : 0;
