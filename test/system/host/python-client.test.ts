/** The client for Python as its users get it: built as a wheel, installed, checked by mypy. */
import { cpSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { clientFolder, passPythonTests } from '../../clients/python-tests.js';
import { temporaryFolder } from '../../support/paths.js';
import { Program } from '../../support/program.js';
import { pypiClient, pythonClient, testWith } from '../interop/installed.js';

t.setTimeout(900_000);

const venv = pythonClient('ensurepip', 'venv for Python (Debian package python3-venv)');
const mypy = pypiClient('mypy', 'mypy==1.18.2');

/** A copy of the sources, in which a build may leave what it likes. */
const folder = join(temporaryFolder(), 'python');
cpSync(clientFolder, folder, { recursive: true });

/** Runs a command in a folder, with the user's own settings for pip. */
async function succeeds(t: Test, command: readonly string[], cwd = folder): Promise<string> {
  const { status, stdout, stderr } = await new Program(t, command, {
    script: 'exec "$0" "$@"',
    cwd,
    env: { ...process.env, NODE_OPTIONS: '' },
  }).ended;
  t.equal(status, 0, `${command.slice(1).join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

testWith(venv, 'the wheel is built, installed, and passes the tests', async (t, python) => {
  const environment = join(temporaryFolder(), 'venv');
  const installed = join(environment, 'bin/python');
  await succeeds(t, [python, '-m', 'venv', environment]);
  const pip = [installed, '-m', 'pip', '--quiet', '--disable-pip-version-check'];
  await succeeds(t, [...pip, 'wheel', '--no-deps', '--wheel-dir', 'wheels', '.']);
  const [wheel = ''] = readdirSync(join(folder, 'wheels'));
  t.match(wheel, /^entropyd-.*-py3-none-any\.whl$/);
  const listed = await succeeds(t, [installed, '-m', 'zipfile', '-l', `wheels/${wheel}`]);
  t.match(listed, /^entropyd\/py\.typed /m);
  t.notMatch(listed, /tests\//);
  await succeeds(t, [...pip, 'install', '--no-index', join(folder, 'wheels', wheel)]);
  const shown = [installed, '-m', 'pip', 'show', 'entropyd'];
  t.match(await succeeds(t, shown, temporaryFolder()), /^Requires: *$/m, 'it needs nothing');
  await passPythonTests(t, installed);
});

testWith(
  mypy,
  'mypy finds nothing, in the client or in a program that uses it',
  async (t, python) => {
    await succeeds(t, [python, '-m', 'mypy', 'src', 'tests']);
    const program = join(folder, 'program.py');
    const wrong = 'with entropyd.connect() as client: x: str = client.random(32)';
    writeFileSync(program, `import entropyd\n${wrong}\n`);
    const { stdout } = await new Program(t, [python, '-m', 'mypy', '--strict', program], {
      script: 'exec "$0" "$@"',
      cwd: folder,
      env: { ...process.env, MYPYPATH: join(folder, 'src') },
    }).ended;
    t.match(stdout, /expression has type "bytes", variable has type "str"/);
  },
);
