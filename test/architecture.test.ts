/** The import rules of src/: the table of docs/architecture.md, and no circles. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import typescript from 'typescript';

const root = fileURLToPath(new URL('../src/', import.meta.url));

/** Which folders a folder of src/ may import besides its own files; '' is src/ itself. */
const table: Readonly<Record<string, readonly string[]>> = {
  common: [],
  generator: ['common'],
  config: ['common', 'generator'],
  rpc: ['common', 'generator', 'config'],
  apis: ['common'],
  client: ['common', 'apis', 'generator', 'config', 'rpc'],
  server: ['common', 'generator', 'config', 'rpc'],
  gateway: ['common', 'config', 'apis'],
  entropyctl: ['common', 'generator', 'rpc', 'client'],
  entropyd: ['common', 'generator', 'config', 'rpc', 'apis', 'client', 'server', 'gateway'],
  '': [
    ...['common', 'generator', 'config', 'rpc', 'apis', 'client', 'gateway'],
    ...['entropyctl', 'entropyd'],
  ],
};

/** Programs and package exports: all that src/ itself holds. */
const entries = [
  'aws-sdk.ts',
  'entropyctl.ts',
  'entropyd.ts',
  'generator.ts',
  'index.ts',
  'testing.ts',
];

const textOf = (name: string) => readFileSync(root + name, 'utf8');
const folderOf = (name: string) => name.slice(0, Math.max(0, name.indexOf('/')));

/** Files of src/ that a file imports: statically, dynamically or for its types only. */
function importsOf(name: string): string[] {
  return typescript
    .preProcessFile(textOf(name), true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(name), specifier).replace(/\.js$/, '.ts'));
}

const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort();
const imports = new Map(files.map((name) => [name, [...new Set(importsOf(name))]]));

/** The imports that are wrong, a line each. */
function faults(wrong: (name: string, target: string) => boolean): string[] {
  return [...imports].flatMap(([name, targets]) =>
    targets.filter((target) => wrong(name, target)).map((target) => `${name} imports ${target}`),
  );
}

t.test('src/ itself holds entries, and nothing imports them', async (t) => {
  t.strictSame(
    files.filter((name) => !name.includes('/')),
    entries,
  );
  t.strictSame(
    faults((_, target) => entries.includes(target)),
    [],
  );
});

t.test('a folder imports its own files and the folders in its row', async (t) => {
  t.strictSame([...new Set(files.map(folderOf))].sort(), Object.keys(table).sort());
  const allowed = (from: string, to: string) => from === to || table[from]?.includes(to);
  t.strictSame(
    faults((name, target) => !allowed(folderOf(name), folderOf(target))),
    [],
  );
});

t.test('no file imports itself through others', async (t) => {
  const left = new Map(imports);
  // Files that import only what is already gone go next; a circle, and what leads to it, stays.
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const [name, targets] of left)
      if (!targets.some((target) => left.has(target))) left.delete(name);
  }
  t.strictSame([...left.keys()], []);
});

t.test('an API is known by name in its own folder and in the list of them alone', async (t) => {
  t.strictSame(
    files.filter((name) => !name.startsWith('apis/') && /vault/i.test(textOf(name))),
    [],
  );
});
