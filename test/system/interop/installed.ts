/**
 * The rule for clients that npm does not install: their tests run where the client is installed.
 * With CI=true a missing client is a failure, unless CI has no source for it; elsewhere the test is
 * skipped and says what is missing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';

/** Debian's own interpreter first: its packages belong to it. */
const pythons = ['/usr/bin/python3', 'python3'];

/** Longest that a client may take to load. */
const probeMs = 60_000;

/** Longest that pip may take. */
const installMs = 300_000;

/** A client that may be installed. */
export interface Client {
  /** What to install, for people. */
  readonly name: string;
  /** undefined: not installed. */
  readonly command: string | undefined;
  /** Not every CI machine can get it: it is skipped there too. */
  readonly optional?: true;
}

/** A command on the PATH. */
export function commandClient(command: string, name: string): Client {
  return { name, command: runs(command, ['--version']) ? command : undefined };
}

/** A Python module; the command is an interpreter that can import it. */
export function pythonClient(module: string, name: string): Client {
  return { name, command: pythons.find((python) => imports(python, module)) };
}

/** A folder below the user's cache, for clients that are fetched or compiled once. */
export function cacheFolder(name: string): string {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return join(cache, 'entropyd-test', name.replaceAll(/[^\w.]+/g, '-'));
}

/**
 * A Python module of PyPI: with CI=true pip installs it into a virtual environment of its own, once for
 * each requirement. Skipped where pip cannot.
 * @param requirement as pip takes it, with its version
 * @param before what it needs is taken in the versions of this day
 */
export function pypiClient(module: string, requirement: string, before?: string): Client {
  const name = `${requirement} of PyPI`;
  const folder = cacheFolder(requirement);
  const python = join(folder, 'bin/python');
  const found = [python, ...pythons].find((each) => hasVersion(each, module, requirement));
  if (found !== undefined || process.env.CI !== 'true')
    return { name, command: found, optional: true };
  const maker = pythons.find((each) => imports(each, 'ensurepip'));
  // Another file's test may be installing the same.
  mkdirSync(dirname(folder), { recursive: true });
  const alone = (...command: string[]) => runs('flock', [`${folder}.lock`, ...command], installMs);
  const pip = (...args: string[]) => alone(python, '-m', 'pip', 'install', '--quiet', ...args);
  const installed =
    maker !== undefined &&
    (existsSync(python) || alone(maker, '-m', 'venv', folder)) &&
    (before === undefined
      ? pip(requirement)
      : // Debian's own pip does not know the option.
        pip('pip==26.3') && pip('--uploaded-prior-to', `${before}T00:00:00Z`, requirement)) &&
    hasVersion(python, module, requirement);
  return { name, command: installed ? python : undefined, optional: true };
}

/**
 * A test that needs a client.
 * @param rule the test's name
 * @param body the test, which gets the client's command
 */
export function testWith(
  { name, command, optional }: Client,
  rule: string,
  body: (t: Test, command: string) => Promise<void>,
): void {
  const missing = `not installed: ${name}`;
  const skip = command === undefined && (optional || process.env.CI !== 'true') ? missing : false;
  t.test(rule, { skip }, async (t) => {
    if (command === undefined) t.fail(missing);
    else await body(t, command);
  });
}

function imports(python: string, module: string): boolean {
  return runs(python, ['-c', `import ${module}`]);
}

/** Whether a module is there, in the version that `NAME[EXTRAS]==VERSION` names. */
function hasVersion(python: string, module: string, requirement: string): boolean {
  const [, name, version] = /^([\w.-]+)[^=]*==(.+)$/.exec(requirement) ?? [];
  const check = `assert importlib.metadata.version("${name}") == "${version}"`;
  return runs(python, ['-c', `import importlib.metadata, ${module}; ${check}`]);
}

function runs(command: string, args: string[], timeout = probeMs): boolean {
  return spawnSync(command, args, { timeout }).status === 0;
}
