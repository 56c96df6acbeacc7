import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { formats } from '../../src/entropyctl/formats.js';
import { temporaryFolder } from '../support/paths.js';
import { built, lines } from '../support/program.js';
import { helpOf } from './help.js';

const scripts = fileURLToPath(new URL('../../dist/completions/', import.meta.url));
const folder = join(temporaryFolder(), 'files');
const programs = ['entropyd', 'entropyctl'] as const;

t.before(() => {
  built('entropyd');
  mkdirSync(join(folder, 'a folder'), { recursive: true });
  for (const name of ['a file.toml', 'b.toml', 'strict']) writeFileSync(join(folder, name), '');
});

/** The completions of the last of `words`, sorted; the first word is the program. */
function offered(...words: string[]): string[] {
  const script = `
    source "$0/$1"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    "_$1"
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const bash = ['--norc', '-uc', script, scripts, ...words];
  return lines(execFileSync('bash', bash, { cwd: folder, encoding: 'utf8' }))
    .filter((line) => line !== '')
    .sort();
}

t.test('every command and every option of --help is offered, and nothing else', async (t) => {
  for (const program of programs)
    for (const { path, options, commands } of helpOf(program)) {
      const spellings = options.flatMap((each) => each.match(/(?<![\w-])--?[\w-]+/g) ?? []);
      t.strictSame(offered(program, ...path, '-'), spellings.sort(), [program, ...path].join(' '));
      t.strictSame(offered(program, ...path, ''), commands.sort());
      for (const name of spellings.filter((each) => each.length > 2))
        t.ok(offered(program, ...path, name.slice(0, -1)).includes(name), name);
    }
});

t.test('known values are offered, and files if a file is meant', async (t) => {
  const files = ['a file.toml', 'a folder', 'b.toml', 'strict'];
  const commands = helpOf('entropyctl')[0]?.commands ?? [];
  for (const [words, wanted] of [
    [['entropyctl', 'random', '--format', ''], Object.keys(formats)],
    [['entropyctl', 'random', '--format', 'h'], ['hex']],
    [['entropyctl', 'random', '--format', '=', 'h'], ['hex']],
    [['entropyctl', 'random', '--format', '='], Object.keys(formats)],
    [['entropyctl', 'random', '--format', 'hex', '32', '--o'], ['--output']],
    [['entropyctl', 'random', '--format', '=', 'hex', '--o'], ['--output']],
    [['entropyctl', 'random', '3'], []],
    [
      ['entropyctl', 'random', '--output', 'a'],
      ['a file.toml', 'a folder'],
    ],
    [['entropyctl', 'health', '--socket', ''], files],
    [['entropyctl', 'help', ''], commands],
    [
      ['entropyctl', 'he'],
      ['health', 'help'],
    ],
    [
      ['entropyctl', 'nonsense', '--'],
      ['--help', '--version'],
    ],
    [
      ['entropyd', '--profile', ''],
      ['default', 'strict'],
    ],
    [['entropyd', '--profile', 's'], ['strict']],
    [['entropyd', '--config', 'b'], ['b.toml']],
    [['entropyd', '--http', ''], []],
    [
      ['entropyd', 'gateway', '--dialect', ''],
      ['hwc', 'otc'],
    ],
    [['entropyd', 'gateway', '--tls-cert', 'b'], ['b.toml']],
    [['entropyd', '--socket', 'gateway', '--pro'], ['--profile']],
    [['entropyd', 'gateway', '--socket', 'quickstart', '--pag'], ['--page-host']],
  ] as const)
    t.strictSame(offered(...words), [...wanted].sort(), words.join(' '));
});

t.test('bash knows the function of each program', async (t) => {
  for (const program of programs)
    t.equal(
      execFileSync(
        'bash',
        ['--norc', '-c', `source "$0"; complete -p ${program}`, join(scripts, program)],
        {
          encoding: 'utf8',
        },
      ),
      `complete -F _${program} ${program}\n`,
    );
});
