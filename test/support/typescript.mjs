/**
 * `node --import`: loads the TypeScript of src/ and test/. tap's own loader reads the TypeScript
 * compiler in the process of each test file, twice; that takes longer than most tests.
 */
import { register } from 'node:module';

register(new URL('typescript-hooks.mjs', import.meta.url));
