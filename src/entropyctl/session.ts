/** One command's conversation with the daemon: connecting, printing the result, explaining a failure. */
import { statSync } from 'node:fs';
import { type Client, type ClientOptions, connect } from '../client/client.js';
import { EntropyError, type ErrorCode, ServiceError } from '../common/errors.js';
import { CommandError } from '../common/program.js';
import { printableJson } from '../common/terminal.js';
import { clientSocket } from '../common/unix-socket.js';
import { outputFailure, standardOutput } from './output.js';

/** Options of every command. */
export interface SessionOptions {
  /** The daemon's socket; default: where every client looks. */
  socket?: string;
  /** Print the result, or the failure, as one JSON object. */
  json?: boolean;
}

/**
 * Connects, lets `use` call the daemon, and closes the connection.
 * @throws CommandError if the daemon does not answer or refuses, and whatever else `use` throws
 */
export async function withClient<T>(
  { socket }: SessionOptions,
  use: (client: Client) => Promise<T>,
  options: ClientOptions = {},
): Promise<T> {
  const socketPath = clientSocket(socket);
  const client = connect({ ...options, socketPath });
  try {
    return await use(client);
  } catch (error) {
    throw requestFailure(error, socketPath);
  } finally {
    await client.close();
  }
}

/**
 * Prints text and a newline to standard output.
 * @throws CommandError if that fails, which console.log would not report
 */
export async function print(text: string): Promise<void> {
  try {
    await standardOutput().write(`${text}\n`);
  } catch (error) {
    throw outputFailure(error, undefined);
  }
}

/** Prints a value as JSON on one line, with all that a terminal would obey escaped. */
export function printJson(value: object): Promise<void> {
  return print(printableJson(value));
}

const seeLog = "see the daemon's log (journalctl -u entropyd)";
const wrongPeer = "is this entropyd's socket? pass the right one with --socket";

/** What to do, by code. The message of `ERR_CONNECT` says it already. */
const advice: Partial<Record<ErrorCode, string>> = {
  ERR_TIMEOUT: `the daemon is overloaded or hangs: ${seeLog}`,
  ERR_CLOSED: seeLog,
  ERR_MESSAGE: wrongPeer,
  ERR_TOO_LARGE: wrongPeer,
  ERR_METHOD: 'the daemon runs another version: restart it',
  ERR_FORBIDDEN: "run it as root, as the daemon's user or as a member of its admin_group",
  ERR_BUSY: 'try again later',
  ERR_RATE: 'wait, or raise bytes_per_second_per_user',
  ERR_NOT_SEEDED: 'wait; entropyctl status shows the sources',
  ERR_HEALTH: 'entropyctl status shows why; entropyctl selftest tests the sources again',
  ERR_ENTROPY: 'entropyctl status shows the sources',
  ERR_INTERNAL: seeLog,
};

/**
 * An error of the client library as a failure with the socket's path and advice; any other error
 * unchanged.
 * @param path of the socket
 */
export function requestFailure(error: unknown, path: string): unknown {
  // The cause of an API's error says more than the API tells its clients.
  const reported = error instanceof ServiceError && error.cause !== undefined ? error.cause : error;
  if (!(reported instanceof EntropyError)) return reported;
  const { code, message } = reported;
  if (code === 'ERR_CONNECT' && isOtherFile(path))
    return new CommandError(
      code,
      `${path} is not a socket; pass the daemon's socket with --socket`,
      { cause: error },
    );
  const where = message.includes(path) ? '' : ` (socket ${path})`;
  // A reason of the generator says itself what brings it back.
  const isAdvised = advice[code] === undefined || message.includes('entropyctl selftest');
  const what = isAdvised ? '' : `; ${advice[code]}`;
  return new CommandError(code, `${message}${where}${what}`, { cause: error });
}

/** Whether `path` exists and is not a socket; connect(2) then fails with ECONNREFUSED. */
function isOtherFile(path: string): boolean {
  const existing = statSync(path, { throwIfNoEntry: false });
  return existing !== undefined && !existing.isSocket();
}
