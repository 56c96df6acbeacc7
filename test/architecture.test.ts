import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import typescript from 'typescript';

const root = fileURLToPath(new URL('../src/', import.meta.url));

/** What each folder of src/ may import besides its own files; docs/architecture.md explains it. */
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
  // The entries, of which src/ itself holds no more.
  '': ['common', 'generator', 'config', 'rpc', 'apis', 'client', 'entropyctl', 'entropyd'],
};

/** Files of src/ that `name` imports: statically, dynamically or for a type only. */
function importsOf(name: string): string[] {
  const text = readFileSync(root + name, 'utf8');
  return typescript
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName }) => fileName)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(name), specifier).replace(/\.js$/, '.ts'));
}

const folderOf = (name: string) => name.slice(0, Math.max(0, name.indexOf('/')));

const entries = ['aws-sdk.ts', 'entropyctl.ts', 'entropyd.ts', 'generator.ts', 'index.ts'];

t.test('a folder of src/ imports its own files and the folders in its row', async (t) => {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  t.strictSame(files.filter((name) => !name.includes('/')).sort(), entries);
  const faults = files.flatMap((name) =>
    importsOf(name)
      .filter((target) => {
        const [from, to] = [folderOf(name), folderOf(target)];
        return to !== from && !table[from]?.includes(to);
      })
      .map((target) => `${name} imports ${target}`),
  );
  t.strictSame(faults, []);
});
