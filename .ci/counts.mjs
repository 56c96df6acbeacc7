// counts.mjs REPORT: prints '<passed> <failed>' of a TAP report, from its closing line
// '# { total: 5, pass: 4, fail: 1 }'. Without that line, or if it is about nothing, one test failed.
import { readFileSync } from 'node:fs';

const closing =
  readFileSync(process.argv[2], 'utf8')
    .match(/^# \{ total: .* \}$/gm)
    ?.at(-1) ?? '';
const figure = (name) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(closing)?.[1] ?? 0);
const [passed, failed] = [figure('pass'), figure('fail')];
console.log(passed > 0 ? `${passed} ${failed}` : '0 1');
