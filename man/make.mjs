/**
 * Writes the manual pages and the shell completions of both programs. If one fails, none is written.
 *   node man/make.mjs [TEMPLATES [OUTPUT]]     default: this directory, dist/
 * entropyd_get.3 is the C library's: native/client/Makefile has it.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programs } from './commands.mjs';
import { bash, fish, zsh } from './completion.mjs';
import { page } from './page.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const [templates = here('.'), output = here('../dist')] = process.argv.slice(2);

const files = new Map();
for (const name of readdirSync(templates).filter((each) => /\.[158]$/.test(each)))
  try {
    files.set(join('man', name), page(readFileSync(join(templates, name), 'utf8')));
  } catch (error) {
    console.error(`${name}: ${error.message}`);
    process.exit(1);
  }
for (const [name, program] of Object.entries(programs)) {
  files.set(join('completions', name), bash(program));
  files.set(join('completions', `_${name}`), zsh(program));
  files.set(join('completions', `${name}.fish`), fish(program));
}

for (const folder of ['man', 'completions']) mkdirSync(join(output, folder), { recursive: true });
for (const [name, text] of files) writeFileSync(join(output, name), text);
