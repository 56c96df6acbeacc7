/** Runs a client as its users do, in an environment that leads only to this host. */
import { execFile } from 'node:child_process';
import t from 'tap';

/** Longest that a client may take; Python with boto3 needs a second or two to start. */
const runMs = 60_000;

/** Worthless credentials; no metadata service, no files of the user, no proxy, no pager. */
const environment = {
  PATH: process.env.PATH,
  HOME: t.testdirName,
  LC_ALL: 'C.UTF-8',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_RETRY_MODE: 'standard',
  AWS_MAX_ATTEMPTS: '3',
  AWS_PAGER: '',
  NO_PROXY: '*',
};

/** How a client ended. */
export interface Outcome {
  /** Exit code; 0 is success. */
  readonly status: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a client to its end without blocking the event loop: the gateway may be in this process.
 * @param variables added to the environment of every client
 */
export function run(
  command: string,
  args: readonly string[],
  variables: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const env = { ...environment, ...variables };
  return new Promise((resolve) => {
    execFile(command, args, { env, timeout: runMs }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}
