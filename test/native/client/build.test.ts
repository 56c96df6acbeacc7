/** What `npm run build:host` leaves: names, hardening, headers; and that it can be installed and used. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryFolder } from '../../support/paths.js';
import { lines } from '../../support/program.js';
import { builtLibrary, compiled, host, root } from './program.js';

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8' });
const interface_ = ['entropyd_get', 'entropyd_health'];

/** Uses all of the header. */
const example = `
#include <entropyd.h>
int main(void) {
  unsigned char key[32];
  char reason[64];
  return entropyd_get(key, sizeof key, ENTROPYD_PREDICTION_RESISTANCE) == 0 &&
                 entropyd_health(reason, sizeof reason) == ENTROPYD_STATE_OPERATIONAL
             ? 0
             : 1;
}
`;

/** Why a test is skipped that needs a program; never on CI. */
const missing = (program: string) =>
  process.env.CI === 'true' || spawnSync(program, ['--version']).error === undefined
    ? false
    : `${program} is not installed`;

t.before(builtLibrary);

t.test('the library exports what the version script names, and nothing else', async (t) => {
  const script = readFileSync(join(root, 'native/client/libentropyd.map'), 'utf8');
  const [, named = ''] = /global:([^:]+)local:\s*\*;/.exec(script) ?? [];
  t.strictSame(named.match(/\w+/g), interface_);
  const names = (...args: string[]) =>
    lines(run('nm', ...args)).map((line) => line.split(' ').at(-1) ?? '');
  t.strictSame(names('-D', '--defined-only', '--with-symbol-versions', builtLibrary()).sort(), [
    'ENTROPYD_0',
    ...interface_.map((name) => `${name}@@ENTROPYD_0`),
  ]);
  const archive = names('-g', '--defined-only', join(host, 'libentropyd.a'));
  t.strictSame(archive.filter((name) => /^\w+$/.test(name)).sort(), interface_, 'the archive too');
  const header = readFileSync(join(host, 'entropyd.h'), 'utf8');
  t.strictSame(header.match(/\bentropyd_\w+(?=\((?!3))/g), interface_, 'and the header');
});

t.test('it is called libentropyd.so.0, needs libc only, and is hardened', async (t) => {
  t.equal(readlinkSync(join(host, 'libentropyd.so')), 'libentropyd.so.0');
  const dynamic = run('readelf', '-Wd', builtLibrary());
  t.match(dynamic, /SONAME\).*\[libentropyd\.so\.0\]/);
  t.strictSame(
    [...dynamic.matchAll(/NEEDED\).*\[(.*)\]/g)].map(([, name]) => name),
    ['libc.so.6'],
  );
  t.match(dynamic, /FLAGS_1\).*NOW/);
  t.notMatch(dynamic, /TEXTREL|RPATH|RUNPATH/);
  const segments = run('readelf', '-Wl', builtLibrary());
  t.match(segments, /GNU_RELRO/);
  t.match(segments, /GNU_STACK.* RW +0x/);
  const symbols = run('nm', '-D', builtLibrary());
  for (const name of ['__stack_chk_fail', '__snprintf_chk']) t.match(symbols, name);
  const own = new RegExp(`${root}native`);
  t.notMatch(readFileSync(builtLibrary(), 'latin1'), own, 'no path of this machine');
  t.notMatch(readFileSync(join(host, 'libentropyd.a'), 'latin1'), own);
});

t.test('it never prints, and never ends the process', async (t) => {
  const symbols = run('nm', '-D', '--undefined-only', builtLibrary());
  t.match(symbols, / getrandom\b/);
  t.notMatch(
    symbols,
    /\b(?:abort|_?exit|__assert_fail|perror|f?printf|puts|write|signal|sigaction|malloc)\b/,
  );
});

t.test('the header is C99, C11 and C++98 without warnings, and misuse is warned of', async (t) => {
  const file = join(temporaryFolder(), 'example.c');
  writeFileSync(file, example);
  const check = (compiler: string, ...args: string[]) =>
    spawnSync(
      compiler,
      [`-I${host}`, '-Wall', '-Wextra', '-pedantic', '-c', '-o', '/dev/null', ...args, file],
      {
        encoding: 'utf8',
      },
    );
  for (const args of [
    ['-std=c99'],
    ['-std=c11'],
    ['-x', 'c++', '-std=c++98'],
    ['-x', 'c++', '-std=c++20'],
  ])
    t.match(
      check(args.includes('c++') ? 'c++' : 'cc', ...args),
      { status: 0, stderr: '' },
      `${args}`,
    );
  writeFileSync(file, '#include <entropyd.h>\nvoid f(void *p) { entropyd_get(p, 1, 0); }\n');
  t.match(check('cc').stderr, /warn_unused_result/);
});

const pkgConfig = missing('pkg-config');
t.test(
  'make install: pkg-config finds all that a program needs',
  { skip: pkgConfig },
  async (t) => {
    const prefix = join(temporaryFolder(), 'prefix');
    run('make', '--silent', '-C', join(root, 'native/client'), 'install', `PREFIX=${prefix}`);
    const files = readdirSync(prefix, { recursive: true, encoding: 'utf8' });
    t.strictSame(files.filter((name) => !statSync(join(prefix, name)).isDirectory()).sort(), [
      'include/entropyd.h',
      'lib/libentropyd.a',
      'lib/libentropyd.so',
      'lib/libentropyd.so.0',
      'lib/ossl-modules/entropyd.so',
      'lib/pkgconfig/libentropyd.pc',
      'share/man/man3/entropyd_get.3',
      'share/man/man3/entropyd_health.3',
    ]);
    const source = join(temporaryFolder(), 'installed.c');
    writeFileSync(source, example);
    for (const [folder, wanted] of [
      [join(prefix, 'lib/pkgconfig'), prefix],
      [host, host],
    ] as const) {
      const ask = (...args: string[]) =>
        execFileSync('pkg-config', [...args, 'libentropyd'], {
          env: { ...process.env, PKG_CONFIG_PATH: folder },
          encoding: 'utf8',
        }).trim();
      t.equal(ask('--modversion'), version);
      for (const flags of [
        ['--cflags', '--libs'],
        ['--cflags', '--libs', '--static'],
      ]) {
        const found = ask(...flags).split(/\s+/);
        t.ok(found.includes(`-I${wanted === host ? host : join(wanted, 'include')}`), `${found}`);
        const kind = flags.includes('--static') ? ['-static'] : [];
        const program = compiled('installed', [source], [...found, ...kind]);
        const { status, stderr } = spawnSync(program, {
          env: {
            LD_LIBRARY_PATH: wanted === host ? host : join(wanted, 'lib'),
            ENTROPYD_SOCKET: '/nonexistent',
          },
          encoding: 'utf8',
        });
        t.strictSame({ status, stderr }, { status: 1, stderr: '' }, 'it runs, without a daemon');
      }
    }
  },
);

t.test('the answers: whole, in pieces, cut, turned and mutated', async (t) => {
  const answers = compiled(
    'answers',
    [
      'answers.c',
      'fuzz_answers.c',
      ...['message', 'messagepack'].map((name) => join(root, `native/client/${name}.c`)),
    ],
    [`-I${join(root, 'native/client')}`],
  );
  const seed = String(process.pid);
  t.comment(`seed ${seed}`);
  t.match(spawnSync(answers, [seed, '100000'], { encoding: 'utf8' }), {
    status: 0,
    stdout: /^\d+ answers, 0 faults\n$/,
    stderr: '',
  });
});

t.test(
  'the manual page has no warnings, and names every error of the header',
  { skip: missing('mandoc') },
  async (t) => {
    const page = join(host, 'entropyd_get.3');
    const linted = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', page], { encoding: 'utf8' });
    t.match(linted, { status: 0, stdout: '', stderr: '' });
    const source = readFileSync(page, 'utf8');
    t.match(source, `.Os entropyd ${version}\n`);
    const header = readFileSync(join(host, 'entropyd.h'), 'utf8');
    const errors = [...header.matchAll(/^ \* {3}(E[A-Z]+) +\w/gm)].map(([, name]) => name);
    t.ok(errors.length >= 10);
    t.strictSame(
      [...source.matchAll(/^\.It Bq Er (\w+)/gm)].map(([, name]) => name),
      errors,
    );
    for (const [, name = ''] of header.matchAll(/^#define (ENTROPYD_\w+) \d/gm))
      t.match(source, new RegExp(`Dv ${name}\\b`), name);
  },
);
