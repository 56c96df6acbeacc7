import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { pageFiles } from '../src/page-files.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'page');

t.test('gives each file of the page as it is', async (t) => {
  const files = await pageFiles();
  const names = readdirSync(folder).filter((name) => name !== 'tsconfig.json');
  t.strictSame(Object.keys(files).sort(), names.sort());
  for (const [name, text] of Object.entries(files))
    t.equal(text, readFileSync(join(folder, name), 'utf8'), name);
  t.equal(await pageFiles(), files, 'read once');
});

t.test('npm packs them', async (t) => {
  const args = ['pack', '--dry-run', '--ignore-scripts', '--json'];
  const [{ files }] = JSON.parse(
    execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  const packed = files.map(({ path }: { path: string }) => path);
  const wanted = Object.keys(await pageFiles()).map((name) => `page/${name}`);
  t.strictSame(packed.filter((path: string) => path.startsWith('page/')).sort(), wanted.sort());
});

t.test('where a file is missing it fails, and tries again with the next call', async (t) => {
  const { pageFiles: fresh } = await t.mockImport<typeof import('../src/page-files.js')>(
    '../src/page-files.js',
    {
      'node:fs/promises': {
        readFile: (() => {
          let calls = 0;
          return async () => {
            if (calls++ === 0) throw Object.assign(new Error('gone'), { code: 'ENOENT' });
            return 'text';
          };
        })(),
      },
    },
  );
  await t.rejects(fresh(), { code: 'ENOENT' });
  t.match(await fresh(), { 'index.html': 'text' });
});
