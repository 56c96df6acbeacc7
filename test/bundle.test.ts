import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { connect } from '../src/client.js';
import { built, freePath, Program, temporaryFolder } from './support.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const programs = ['entropyd', 'entropyctl'] as const;

/** The files that a program starts with: itself and what is imported statically. */
function startingFiles(program: string): string[] {
  const files = [`${program}.js`];
  // The list grows while it is gone through.
  for (const file of files)
    for (const [, name] of readFileSync(join(dist, file), 'utf8').matchAll(
      /^(?:import|export) (?:[^"';()]* from )?"\.\/([^"]+)"/gm,
    ))
      if (!files.includes(name as string)) files.push(name as string);
  return files;
}

/** What a file of dist/ was made of, by its source map; the bundler's own helpers have none. */
function sources(file: string): string[] {
  if (!readdirSync(dist).includes(`${file}.map`)) return [];
  return JSON.parse(readFileSync(join(dist, `${file}.map`), 'utf8')).sources;
}

function packages(files: readonly string[]): string[] {
  const names = files
    .flatMap(sources)
    .map((source) => /^.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source)?.[1]);
  return [...new Set(names)].filter((name) => name !== undefined).sort();
}

/** All files of a program, the parts that it loads later too. */
const filesOf = (program: string) =>
  readdirSync(dist).filter((name) => new RegExp(`^${program}(-.*)?\\.js$`).test(name));

t.before(() => built('entropyd'));

t.test('a program starts with at most three files, and with commander alone', async (t) => {
  for (const program of programs) {
    const files = startingFiles(program);
    t.ok(files.length > 1 && files.length <= 3, `${program}: ${files.join(' ')}`);
    t.strictSame(packages(files), ['commander'], program);
  }
});

t.test('what later requests need is in the parts', async (t) => {
  for (const [program, wanted] of [
    ['entropyd', ['msgpackr', 'pino', 'prom-client', 'toml-eslint-parser', 'valibot']],
    ['entropyctl', ['cli-progress', 'msgpackr']],
  ] as const)
    t.strictSame(
      wanted.filter((name) => !packages(filesOf(program)).includes(name)),
      [],
      program,
    );
  const text = programs.flatMap(filesOf).map((file) => readFileSync(join(dist, file), 'utf8'));
  t.notOk(
    text.some((code) => code.includes('msgpackr-extract')),
    'and nothing of its native accelerator',
  );
});

t.test('the licence of every bundled package is there', async (t) => {
  const notices = readFileSync(join(dist, 'third-party-licenses.txt'), 'utf8').split(
    `\n${'-'.repeat(80)}\n\n`,
  );
  const bundled = packages(programs.flatMap(filesOf));
  t.ok(bundled.length > 10, `${bundled.length} packages`);
  t.strictSame(notices.map((text) => text.replace(/ \d.*/s, '')).sort(), bundled);
  for (const text of notices)
    t.match(text, /^\S+ \d+\.\d+\.\d+\n\n.*(?:copyright|licen[cs]e)/is, text.slice(0, 40));
});

/** A folder with the programs and nothing else. */
function copyPrograms(): string {
  const copy = mkdtempSync(join(temporaryFolder(), 'alone-'));
  mkdirSync(join(copy, 'dist'));
  cpSync(join(root, 'package.json'), join(copy, 'package.json'));
  for (const name of programs.flatMap(filesOf)) cpSync(join(dist, name), join(copy, 'dist', name));
  return copy;
}

t.test('a daemon whose files are replaced serves on with what it has loaded', async (t) => {
  const copy = copyPrograms();
  const socket = freePath();
  const daemon = new Program(t, [join(copy, 'dist', 'entropyd.js'), '--socket', socket]);
  await daemon.says('generator fallback');
  for (const name of filesOf('entropyd')) rmSync(join(copy, 'dist', name));
  const client = connect({ socketPath: socket });
  t.teardown(() => client.close());
  await t.rejects(client.status(), { code: 'ERR_CLOSED' });
  t.equal((await client.random(32)).length, 32);
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});

t.test('the programs run without any installed package', async (t) => {
  const copy = copyPrograms();
  const file = join(copy, 'entropyd.toml');
  writeFileSync(file, '[limits]\nconnections = 99\n');
  const [socket, http] = [freePath(), freePath()];
  const daemon = new Program(t, [
    join(copy, 'dist', 'entropyd.js'),
    ...['--config', file, '--socket', socket, '--http', `unix:${http}`],
  ]);
  await daemon.says('gateway listening');

  const client = connect({ socketPath: socket });
  t.teardown(() => client.close());
  t.equal((await client.random(32)).length, 32);
  t.match(await client.status(), { state: 'fallback', limits: { connections: 99 } });
  t.match(await client.metrics(), /^entropyd_connections_open \d/m);
  for (const [args, wanted] of [
    [['health'], { status: 1, stdout: /^WARNING - fallback/ }],
    [['random', '8', '--format', 'hex'], { status: 0, stdout: /^[0-9a-f]{16}\n$/ }],
    [['nonsense'], { status: 64, stderr: /^entropyctl: unknown command 'nonsense'/ }],
  ] as const) {
    const program = join(copy, 'dist', 'entropyctl.js');
    const options = { env: { ...process.env, ENTROPYD_SOCKET: socket } };
    t.match(await new Program(t, [program, ...args], options).ended, wanted, args.join(' '));
  }
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});
