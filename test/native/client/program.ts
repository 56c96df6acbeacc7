/** Programs in C that use libentropyd, compiled when a test wants them. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { Conversation } from '../../support/conversation.js';
import { temporaryFolder } from '../../support/paths.js';
import { environment, Program } from '../../support/program.js';

/** The checkout. */
export const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What `npm run build:host` leaves. */
export const host = join(root, 'build-host');

/** @throws Error if the library was not built */
export function builtLibrary(): string {
  const library = join(host, 'libentropyd.so.0');
  if (!existsSync(library)) throw new Error(`${library} is missing: npm run build:host`);
  return library;
}

const strict = [
  '-std=c11',
  '-D_GNU_SOURCE',
  '-g',
  '-O1',
  '-Wall',
  '-Wextra',
  '-Werror',
  '-pthread',
];

/** Compiles sources of this folder to a program; its path. */
export function compiled(
  name: string,
  sources: readonly string[],
  flags: readonly string[],
): string {
  const program = join(temporaryFolder(), name);
  execFileSync('cc', [...strict, ...sources, ...flags, '-o', program], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  return program;
}

let clientProgram = process.env.ENTROPYD_TEST_CLIENT;

/** A running client_program, which obeys one command at a time. */
export class ClientProgram extends Conversation {
  /**
   * Starts it; sanitizers.sh passes an instrumented one.
   * @param socketPath of the daemon; undefined: it is to be found
   */
  constructor(t: Test, socketPath: string | undefined, env: NodeJS.ProcessEnv = {}) {
    clientProgram ??= compiled(
      'client_program',
      ['client_program.c'],
      [`-I${host}`, builtLibrary(), `-Wl,-rpath,${host}`],
    );
    super(
      new Program(t, [clientProgram], {
        script: 'exec "$0"',
        env: {
          ...environment,
          ...(socketPath === undefined ? {} : { ENTROPYD_SOCKET: socketPath }),
          ASAN_OPTIONS: process.env.ASAN_OPTIONS,
          TSAN_OPTIONS: process.env.TSAN_OPTIONS,
          ...env,
        },
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    );
  }
}
