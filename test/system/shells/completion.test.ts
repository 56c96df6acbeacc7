/** The completions for zsh and fish, asked in the shells themselves. */
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { formats } from '../../../src/entropyctl/formats.js';
import { awaitedStates } from '../../../src/entropyctl/wait.js';
import { helpOf } from '../../man/help.js';
import { built, lines } from '../../support/program.js';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const folder = here('../../../dist/completions');
const programs = ['entropyd', 'entropyctl'] as const;

/** What each shell offers for a line up to the cursor, sorted. */
const shells = {
  zsh: (line: string) =>
    execFileSync('zsh', ['-f', here('complete.zsh'), folder, line], { encoding: 'utf8' }),
  fish: (line: string) => {
    const script = `source ${folder}/${line.split(' ')[0]}.fish; complete -C '${line}'`;
    const all = execFileSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' });
    return all.replace(/\t.*/g, '');
  },
};

t.before(() => built('entropyd'));

for (const [shell, offer] of Object.entries(shells)) {
  const isMissing = spawnSync(shell, ['-c', 'true']).status !== 0;
  if (isMissing && process.env.CI === 'true') t.fail(`${shell} is not installed`);
  const offered = (line: string) => [...new Set(lines(offer(line)))].sort();

  t.test(`${shell} offers every command and option`, { skip: isMissing }, async (t) => {
    for (const program of programs)
      for (const { path, options, commands } of helpOf(program)) {
        const line = [program, ...path].join(' ');
        const spellings = options.flatMap((each) => each.match(/(?<![\w-])--[\w-]+/g) ?? []);
        t.strictSame(offered(`${line} --`), spellings.sort(), `${line} --`);
        if (path.length === 0)
          t.strictSame(
            commands.filter((name) => !offered(`${line} `).includes(name)),
            [],
            `commands of ${program}`,
          );
      }
  });

  t.test(`${shell} offers known values`, { skip: isMissing }, async (t) => {
    for (const [line, wanted] of [
      ['entropyctl random --format ', Object.keys(formats)],
      ['entropyctl wait --state ', awaitedStates],
      ['entropyd gateway --dialect ', ['otc', 'hwc']],
      ['entropyd --profile ', ['default', 'strict']],
      ['entropyctl sel', ['selftest']],
    ] as const)
      t.strictSame(offered(line), [...wanted].sort(), line);
  });
}
