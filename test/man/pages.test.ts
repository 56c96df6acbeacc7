import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { operationsOf } from '../../src/apis/list.js';
import { configSchema, parseConfigFile } from '../../src/config/schema.js';
import { credentialsSchema } from '../../src/gateway/auth/credentials-file.js';
import { temporaryFolder } from '../support/paths.js';
import { built, lines } from '../support/program.js';
import { helpOf } from './help.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'dist/man');
const pages = ['entropyctl.1', 'entropyd.8', 'entropyd.toml.5'] as const;

const missing = ['mandoc', 'man'].filter((name) => spawnSync(name, ['--version']).error);
if (missing.length > 0) {
  if (process.env.CI === 'true') t.fail(`${missing.join(' and ')} is not installed`);
  else t.plan(0, `${missing.join(' and ')} is not installed`);
} else all();

/** A page as a terminal shows it, without bold and underline. */
function rendered(name: string): string {
  const text = execFileSync('mandoc', ['-T', 'utf8', '-O', 'width=100', resolve(folder, name)], {
    encoding: 'utf8',
  });
  // Bold is a letter, a backspace, and the letter again.
  return text
    .split('\b')
    .map((piece, i, pieces) => (i < pieces.length - 1 ? piece.slice(0, -1) : piece))
    .join('');
}

/** The text below each heading, of sections and their parts. */
function sections(text: string): Map<string, string> {
  const parts = text.split(/^(?: {3})?(?=[^ \n])/m).map((part) => {
    const [heading = '', ...body] = part.split('\n');
    return [heading, body.join('\n')] as const;
  });
  return new Map(parts);
}

/** Every table.key that a schema takes. */
function keysOf(schema: unknown, path = ''): string[] {
  const { wrapped, pipe, item, entries } = schema as Record<string, unknown> & {
    pipe?: unknown[];
    entries?: Record<string, unknown>;
  };
  if (wrapped !== undefined) return keysOf(wrapped, path);
  if (pipe?.[0] !== undefined && pipe[0] !== schema) return keysOf(pipe[0], path);
  if (item !== undefined && keysOf(item, path)[0] !== path) return keysOf(item, path);
  if (entries === undefined) return [path];
  return Object.entries(entries).flatMap(([key, inner]) =>
    keysOf(inner, path === '' ? key : `${path}.${key}`),
  );
}

/** The required keys of a table. */
const needed: Record<string, readonly string[]> = {
  '[[listen]]': ['path = "/a"'],
  '[[source]]': ['path = "/a"', 'name = "a"'],
};

/** A TOML file with one key, and those that its table requires. */
function fileOf(table: string, key: string, value: string): string {
  const others = (needed[table] ?? []).filter((line) => !line.startsWith(`${key} `));
  return [table, ...others, `${key} = ${value}`].join('\n');
}

/** The fault of a file; empty if there is none. */
function faultOf(text: string): string {
  try {
    parseConfigFile(text, 'file');
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

function all(): void {
  built('entropyd');

  t.test('mandoc and man have no warnings', async (t) => {
    t.strictSame(readdirSync(folder).sort(), [...pages]);
    const { man } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    t.strictSame(
      man,
      pages.map((name) => `dist/man/${name}`),
      'npm installs them',
    );
    for (const name of pages) {
      const path = join(folder, name);
      const linted = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', path], {
        encoding: 'utf8',
      });
      t.match(linted, { status: 0, stdout: '', stderr: '' }, name);
      const warned = spawnSync('man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', path], {
        encoding: 'utf8',
        env: { ...process.env, LC_ALL: 'C.UTF-8', MANROFFSEQ: '', MANWIDTH: '80' },
      });
      t.match(warned, { status: 0, stderr: '' }, name);
    }
  });

  for (const [program, page] of [
    ['entropyd', 'entropyd.8'],
    ['entropyctl', 'entropyctl.1'],
  ] as const) {
    t.test(`${page} has all options of --help, and no others`, async (t) => {
      const parts = sections(rendered(page));
      const shown = helpOf(program);
      t.ok(shown.length > 2, `${shown.length - 1} commands`);
      for (const { path, options } of shown) {
        const [heading = ''] = [...parts.keys()].filter((name) =>
          path.length === 0 ? name === 'OPTIONS' : name.split(' ')[0] === path[0],
        );
        const found = (parts.get(heading) ?? '').matchAll(
          /^ {5}((?:-\w, )?--[\w-]+(?: \w+)?)(?: {2}|$)/gm,
        );
        t.ok(options.includes('-h, --help'));
        t.strictSame(
          [...found].map(([, each]) => each),
          options,
          `${program} ${path.join(' ')}`,
        );
        const synopsis = (parts.get('SYNOPSIS') ?? '').replaceAll(/\s+/g, ' ');
        t.ok(synopsis.includes([program, ...path].join(' ')), 'the command in the synopsis');
        for (const each of options.filter((name) => !/help|version/.test(name)))
          t.ok(synopsis.includes(`[${each}]`), `${each} in the synopsis`);
      }
    });
  }

  t.test('no page mentions an option that does not exist', async (t) => {
    const known = ['entropyd', 'entropyctl'].flatMap(helpOf).flatMap(({ options }) => options);
    for (const name of pages)
      for (const [, option] of readFileSync(join(folder, name), 'utf8').matchAll(/Fl (-[\w-]+)/g))
        t.ok(
          known.some((each) => each.includes(`-${option}`)),
          `${name}: -${option}`,
        );
  });

  t.test('text that a command adds to its help is on the page unchanged', async (t) => {
    const added = [
      'Examples:',
      '  $ entropyctl random 1 --format hex',
      '',
      `.it's "all" C:\\ and 'more'`,
      `'quoted`,
    ].join('\n');
    const script = `
      import { readFileSync } from 'node:fs';
      import { entropyctlProgram } from './dist/entropyctl/command-line.js';
      import { describe } from './man/commands.mjs';
      import { page } from './man/page.mjs';
      const program = entropyctlProgram();
      program.commands[0].addHelpText('after', '\\n' + ${JSON.stringify(added)} + '\\n');
      const programs = { entropyctl: describe(program) };
      process.stdout.write(page(readFileSync('man/entropyctl.1', 'utf8'), programs));`;
    const source = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: root,
      encoding: 'utf8',
    });
    const path = join(temporaryFolder(), 'entropyctl.1');
    writeFileSync(path, source);
    t.match(spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', path], { encoding: 'utf8' }), {
      status: 0,
      stdout: '',
    });
    t.ok(rendered(path).replaceAll(/^ {5}/gm, '').includes(`\n${added}\n`));
  });

  const page = rendered('entropyd.toml.5');

  t.test('entropyd.toml(5) has the keys of the configuration, and their ranges', async (t) => {
    const documented: string[] = [];
    for (const [heading, body] of sections(page.slice(0, page.indexOf('CREDENTIALS FILE')))) {
      const [table = ''] = /\[+\w+\]+$/.exec(heading) ?? [];
      for (const [, key = '', said = ''] of body.matchAll(
        /^ {5}([a-z_]+)(?:\n| {2,})((?:.|\n {13})*)/gm,
      )) {
        documented.push(`${table.replaceAll(/[[\]]/g, '')}.${key}`.replace(/^\./, ''));
        t.notMatch(faultOf(fileOf(table, key, '[[]]')), /unknown key/, key);
        const [, low, high] = /An integer of (\d+) to (\d+)\./.exec(said) ?? [];
        if (low === undefined) continue;
        for (const [value, fault] of [
          [Number(low) - 1, true],
          [Number(low), false],
          [Number(high), false],
          [Number(high) + 1, true],
        ] as const)
          t.equal(
            faultOf(fileOf(table, key, `${value}`)).includes(`${key}: want`),
            fault,
            `${key} = ${value}`,
          );
      }
    }
    t.ok(documented.length > 20, `${documented.length} keys`);
    t.strictSame(documented.sort(), keysOf(configSchema).sort());
  });

  t.test('entropyd.toml(5) has the keys of the credentials file', async (t) => {
    const parts = sections(page);
    const keys = (heading: string) =>
      [...(parts.get(heading) ?? '').matchAll(/^ {5}([a-z_]+)(?:\n| {2,})/gm)].map(
        ([, key]) => key as string,
      );
    const both = keys('Keys of both tables');
    const documented = (['key', 'token'] as const).flatMap((table) =>
      [...both, ...keys(`Keys of [[${table}]]`)].map((key) => `${table}.${key}`),
    );
    t.strictSame(documented.sort(), keysOf(credentialsSchema).sort());
    for (const { name } of operationsOf()) t.ok(page.includes(`“${name}”`), name);
  });

  t.test('a page that does not match the programs is not written', async (t) => {
    const template = readFileSync(join(root, 'man/entropyd.toml.5'), 'utf8');
    for (const [text, fault] of [
      [
        template.replace(/^.*@key config limits\.connections$/m, ''),
        /^entropyd\.toml\.5: the key limits\.connections of the config file is missing$/,
      ],
      [`${template}.\\" @key config limits.conections\n`, /no key limits\.conections$/],
      [`${template}.\\" @key config profile\n`, /profile is explained twice$/],
      [
        template.replace('limits.connections\n', 'limits.connections limits.message_bytes\n'),
        /differ, want one entry each/,
      ],
      [`${template}.\\" @options entropyd gate\n`, /no command entropyd gate$/],
      [`${template}.\\" @option entropyd\n`, /no directive option$/],
    ] as const) {
      const templates = join(temporaryFolder(), 'templates');
      mkdirSync(templates, { recursive: true });
      cpSync(join(root, 'man/entropyd.8'), join(templates, 'entropyd.8'));
      writeFileSync(join(templates, 'entropyd.toml.5'), text);
      const output = join(temporaryFolder(), 'pages');
      const made = spawnSync(process.execPath, [join(root, 'man/make.mjs'), templates, output], {
        encoding: 'utf8',
      });
      t.equal(made.status, 1, `${fault}`);
      t.equal(lines(made.stderr).length, 1);
      t.match(lines(made.stderr)[0], fault);
      t.throws(() => readdirSync(output), { code: 'ENOENT' }, 'no page is written');
    }
  });
}
