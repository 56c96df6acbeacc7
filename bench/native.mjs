/** The C programs of the bench, built with the machine's compiler on first use. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @returns the path of the program of native/`name`.c */
export function compile({ folder }, name, ...libraries) {
  const program = join(folder, name);
  const source = fileURLToPath(new URL(`native/${name}.c`, import.meta.url));
  if (!existsSync(program)) execFileSync('cc', ['-O2', '-o', program, source, ...libraries]);
  return program;
}
