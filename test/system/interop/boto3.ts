/** boto3 as a client: takes calls, gives the outcome of each. */
import { fileURLToPath } from 'node:url';
import { pythonClient } from './installed.js';
import type { ClientKey } from './known-keys.js';
import { run } from './run.js';

export const boto3 = pythonClient('boto3', 'boto3 (Debian package python3-boto3)');

const script = fileURLToPath(new URL('boto3_client.py', import.meta.url));

/** A call as boto3_client.py takes it. */
export interface Boto3Call {
  readonly parameters: unknown;
  readonly operation?: string;
  /** Arguments of boto3.client. */
  readonly client?: Readonly<Record<string, unknown>>;
  /** Most attempts; 3 by default. */
  readonly attempts?: number;
  /** How far boto3's clock is ahead, s. */
  readonly clock?: number;
}

/** The outcome of a call. */
export interface Boto3Outcome {
  readonly status: number;
  readonly requestId: string;
  readonly retries: number;
  /** Size of Plaintext, bytes; null if there is none. */
  readonly size: number | null;
  readonly error: { readonly Code: string; readonly Message: string } | null;
}

/** Arguments of boto3.client that sign with a key. */
export function asClient({ accessKeyId, secretAccessKey, sessionToken = '' }: ClientKey) {
  return {
    aws_access_key_id: accessKeyId,
    aws_secret_access_key: secretAccessKey,
    aws_session_token: sessionToken || null,
  };
}

/**
 * Makes the calls one after the other.
 * @param python the command of {@link boto3}
 * @throws Error with Python's output unless every call has an outcome
 */
export async function callWithBoto3(
  python: string,
  endpoint: string,
  calls: readonly Boto3Call[],
): Promise<Boto3Outcome[]> {
  const texts = calls.map((call) => JSON.stringify(call));
  const { status, stdout, stderr } = await run(python, [script, endpoint, ...texts]);
  if (status !== 0) throw new Error(`boto3 ended with ${status}: ${stderr}`);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
