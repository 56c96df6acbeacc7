// Prints '<passed> <failed>' of a TAP report: its closing line '# { total: 5, pass: 4, fail: 1 }'.
import { readFileSync } from 'node:fs';

const closing =
  readFileSync(process.argv[2], 'utf8')
    .match(/^# \{ total: .* \}$/gm)
    ?.at(-1) ?? '';
const figure = (name) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(closing)?.[1] ?? 0);
console.log(`${figure('pass')} ${figure('fail')}`);
