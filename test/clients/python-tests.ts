/** The Python client's own tests, which are written in Python: in clients/python/tests. */
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { temporaryFolder } from '../support/paths.js';
import { built, environment, Program } from '../support/program.js';

/** The Python client's folder. */
export const clientFolder = fileURLToPath(new URL('../../clients/python/', import.meta.url));

/**
 * Runs all of them against the built daemon; warnings are errors.
 * @param python an interpreter, which imports the client as `variables` or its own installation say
 */
export async function passPythonTests(
  t: Test,
  python: string,
  variables: NodeJS.ProcessEnv = {},
): Promise<void> {
  const unittest = ['-W', 'error', '-m', 'unittest', 'discover', '-s', `${clientFolder}tests`];
  const { status, stdout, stderr } = await new Program(t, [python, ...unittest], {
    script: 'exec "$0" "$@"',
    env: {
      ...environment,
      PYTHONDONTWRITEBYTECODE: '1',
      ENTROPYD_TEST_DAEMON: JSON.stringify([process.execPath, built('entropyd')]),
      ENTROPYD_TEST_SEED: process.env.ENTROPYD_TEST_SEED,
      ...variables,
    },
    // Not the checkout, in which Python would find folders.
    cwd: temporaryFolder(),
  }).ended;
  t.comment(stdout.trimEnd());
  t.equal(status, 0, stderr);
  t.match(stderr, /^Ran [3-9]\d tests/m);
}
