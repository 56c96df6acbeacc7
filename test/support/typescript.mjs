/**
 * Loads the TypeScript of src/ and test/ for the tests: types are stripped by the bundler's own
 * transformer. tap's loader reads the TypeScript compiler in each test file's process, twice, which
 * takes longer than most tests.
 */
import { existsSync, readFileSync } from 'node:fs';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

register(new URL('typescript-hooks.mjs', import.meta.url));
