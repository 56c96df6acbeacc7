import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { connect } from '../src/client/client.js';
import { version } from '../src/common/package.js';
import { freePath, temporaryFolder } from './support/paths.js';
import { built, Program } from './support/program.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const programs = ['entropyd', 'entropyctl'] as const;
/** Entries of the library that applications load; they share their parts. */
const entries = ['index', 'aws-sdk', 'generator'] as const;
/** Most that an application loads with an entry of the library, bytes. 9 KiB of it are for passwords. */
const maxEntrySize = 82 * 1024;

/** The files that a program or an entry starts with: itself, and what it imports statically. */
function startingFiles(name: string): string[] {
  const files = [name];
  // The list grows during this loop.
  for (const file of files)
    for (const [, name] of readFileSync(join(dist, file), 'utf8').matchAll(
      /^(?:(?:import|export) (?:[^"';()]* from )?|(?:(?:const|let) \w+ = )?require\()"\.\/([^"]+)"/gm,
    ))
      if (!files.includes(name as string)) files.push(name as string);
  return files;
}

/** The sources of a file in dist/, by its source map; the bundler's own helpers have none. */
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

/** All files of a program or of the library, including parts that are loaded later. */
const filesOf = (bundle: string) =>
  readdirSync(dist).filter((name) => new RegExp(`^${bundle}(-.*)?\\.c?js$`).test(name));
/** For `import` and for `require`. */
const filesOfEntries = [...entries, 'testing'].flatMap((name) => [`${name}.js`, `${name}.cjs`]);
const library = () => [...filesOfEntries, ...filesOf('library')];
const allFiles = () => [...programs.flatMap(filesOf), ...library()];

t.before(() => built('entropyd'));

t.test(
  'a program starts with at most three files, and with no package but commander',
  async (t) => {
    for (const program of programs) {
      const files = startingFiles(`${program}.js`);
      t.ok(files.length > 1 && files.length <= 3, `${program}: ${files.join(' ')}`);
      t.strictSame(packages(files), ['commander'], program);
    }
  },
);

t.test(
  'an entry of the library starts with at most three files, and with no package',
  async (t) => {
    for (const entry of entries) {
      const files = startingFiles(`${entry}.cjs`);
      t.ok(files.length <= 3, `${entry}: ${files.join(' ')}`);
      t.strictSame(packages(files), [], entry);
      const size = files.reduce((sum, file) => sum + statSync(join(dist, file)).size, 0);
      t.ok(size < maxEntrySize, `${entry}: ${size} bytes`);
    }
  },
);

t.test('packages that later requests need are in parts', async (t) => {
  for (const [program, wanted] of [
    [
      'entropyd',
      ['@bufbuild/protobuf', 'msgpackr', 'pino', 'prom-client', 'toml-eslint-parser', 'valibot'],
    ],
    ['entropyctl', ['cli-progress', 'msgpackr']],
  ] as const)
    t.strictSame(
      wanted.filter((name) => !packages(filesOf(program)).includes(name)),
      [],
      program,
    );
  const text = allFiles().map((file) => readFileSync(join(dist, file), 'utf8'));
  t.notOk(
    text.some((code) => code.includes('msgpackr-extract')),
    'without the native accelerator of msgpackr',
  );
});

t.test('the license of every bundled package is included', async (t) => {
  const notices = readFileSync(join(dist, 'third-party-licenses.txt'), 'utf8').split(
    `\n${'-'.repeat(80)}\n\n`,
  );
  const bundled = packages(allFiles());
  t.ok(bundled.length > 10, `${bundled.length} packages`);
  t.strictSame(notices.map((text) => text.replace(/ \d.*/s, '')).sort(), bundled);
  for (const text of notices)
    t.match(text, /^\S+ \d+\.\d+\.\d+\n\n.*(?:copyright|licen[cs]e)/is, text.slice(0, 40));
  const buf = notices.find((text) => text.startsWith('@bufbuild/protobuf '));
  t.match(buf, /Apache-2\.0.*Copyright 2008 Google Inc\..*Redistributions in binary form/s, 'both');
});

/**
 * Installs the bundles and nothing else. @returns the package's directory, in that of an
 * application
 */
function installBundles(): string {
  const application = mkdtempSync(join(temporaryFolder(), 'alone-'));
  const copy = join(application, 'node_modules', 'entropyd');
  mkdirSync(join(copy, 'dist'), { recursive: true });
  cpSync(join(root, 'package.json'), join(copy, 'package.json'));
  for (const name of allFiles()) cpSync(join(dist, name), join(copy, 'dist', name));
  return copy;
}

t.test('a daemon whose files are replaced answers every method that it had', async (t) => {
  const copy = installBundles();
  const socket = freePath();
  const daemon = new Program(t, [join(copy, 'dist', 'entropyd.js'), '--socket', socket]);
  await daemon.says('generator fallback');
  for (const name of filesOf('entropyd')) rmSync(join(copy, 'dist', name));
  const client = connect({ socketPath: socket });
  t.teardown(() => client.close());
  t.match(await client.health(), { state: 'fallback' });
  t.match(await client.status(), { state: 'fallback' });
  t.match(await client.version(), { name: 'entropyd' });
  t.match(await client.metrics(), /^entropyd_connections_open 1$/m);
  t.equal((await client.random(32)).length, 32);
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});

t.test('programs and library run installed without any other package', async (t) => {
  const copy = installBundles();
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
    [['--version'], { status: 0, stdout: `${version}\n` }],
    [['nonsense'], { status: 64, stderr: /^entropyctl: unknown command 'nonsense'/ }],
  ] as const) {
    const program = join(copy, 'dist', 'entropyctl.js');
    const options = { env: { ...process.env, ENTROPYD_SOCKET: socket } };
    t.match(await new Program(t, [program, ...args], options).ended, wanted, args.join(' '));
  }
  const application = `
    import { createRequire } from 'node:module';
    import { connect, EntropyError } from 'entropyd';
    import { startTestGateway } from 'entropyd/testing';
    import { createRequestHandler } from 'entropyd/aws-sdk';
    import { createGenerator } from 'entropyd/generator';
    const client = connect();
    const headers = { 'x-amz-target': 'TrentService.GenerateRandom' };
    const { response } = await createRequestHandler({ client })
      .handle({ method: 'POST', headers, body: '{"NumberOfBytes":32}' });
    const { state } = await client.health();
    const generator = createGenerator();
    console.log(response.statusCode, state, generator.status().state);
    await client.close();
    const required = createRequire(import.meta.url)('entropyd');
    const gateway = await startTestGateway({ faults: ['ERR_BUSY'] });
    const failure = await gateway.client.random(1).catch((error) => error);
    console.log(required.connect === connect, failure instanceof EntropyError, failure.code);
    await gateway.close();`;
  const options = { cwd: join(copy, '..', '..'), env: { ...process.env, ENTROPYD_SOCKET: socket } };
  const program = new Program(t, ['--input-type=module', '-e', application], options);
  t.match(await program.ended, {
    status: 0,
    stdout: '200 fallback fallback\ntrue true ERR_BUSY\n',
  });
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});
