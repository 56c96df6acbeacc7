/**
 * The rule for clients that npm does not install: their tests run where they are; with CI=true a
 * client that is missing is a failure, unless CI has nowhere to take it from; elsewhere the test is
 * skipped and says what is missing.
 */
import { spawnSync } from 'node:child_process';
import t, { type Test } from 'tap';

/** Debian's own interpreter first: its packages belong to it. */
const pythons = ['/usr/bin/python3', 'python3'];

/** Longest that a client may take to load. */
const probeMs = 20_000;

/** A client that may be there. */
export interface Client {
  /** What to install, for people. */
  readonly name: string;
  /** undefined: not installed. */
  readonly command: string | undefined;
  /** No package manager of CI has it: it is skipped there too. */
  readonly optional?: true;
}

/** A command on the PATH. */
export function commandClient(command: string, name: string): Client {
  return { name, command: runs(command, ['--version']) ? command : undefined };
}

/** A Python module; the command is an interpreter that can import it. */
export function pythonClient(module: string, name: string): Client {
  return { name, command: pythons.find((python) => runs(python, ['-c', `import ${module}`])) };
}

/** A client that CI cannot install; its test says so where it is skipped. */
export function optional(client: Client): Client {
  return { ...client, optional: true };
}

/**
 * A test that needs a client.
 * @param rule the test's name
 * @param body the test, with the client's command
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

function runs(command: string, args: string[]): boolean {
  return spawnSync(command, args, { timeout: probeMs }).status === 0;
}
