/** One command's talk with the daemon, after which the connection is closed. */

import { statSync } from 'node:fs';
import { type Client, type ClientOptions, connect } from '../client/client.js';
import { EntropyError, type ErrorCode, ServiceError } from '../common/errors.js';
import { CommandError } from '../common/program.js';
import { clientSocket } from '../common/unix-socket.js';
import { writingFailed } from './output.js';

/** What all commands take. */
export interface SessionOptions {
  /** The daemon's socket; default: where every client looks. */
  socket?: string;
  /** Answer and failure as one JSON object each. */
  json?: boolean;
}

/**
 * Lets `use` ask the daemon.
 * @throws CommandError where the daemon fails to answer
 */
export async function asking<T>(
  { socket }: SessionOptions,
  use: (client: Client) => Promise<T>,
  options: ClientOptions = {},
): Promise<T> {
  const socketPath = clientSocket(socket);
  const client = connect({ ...options, socketPath });
  try {
    return await use(client);
  } catch (error) {
    throw askingFailed(error, socketPath);
  } finally {
    await client.close();
  }
}

// What commands print: text in one piece, or one JSON object in one line.

/**
 * Prints to standard output, with a line's end.
 * @throws CommandError where it cannot be written, which console.log does not tell
 */
export async function print(text: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      // The event comes beside the callback, and would be thrown.
      process.stdout.once('error', reject);
      process.stdout.write(`${text}\n`, (error) => {
        if (error) return reject(error);
        process.stdout.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    throw writingFailed(error, undefined);
  }
}

/** Prints a value as JSON, which escapes all control characters. */
export function printJson(value: object): Promise<void> {
  return print(JSON.stringify(value));
}

const seeLog = "see the daemon's log (journalctl -u entropyd)";
const wrongPeer = "is that entropyd's socket? name the right one with --socket";

/** What helps; `ERR_CONNECT` says it itself. */
const advice: Partial<Record<ErrorCode, string>> = {
  ERR_TIMEOUT: `it is overloaded or hangs: ${seeLog}`,
  ERR_CLOSED: seeLog,
  ERR_MESSAGE: wrongPeer,
  ERR_TOO_LARGE: wrongPeer,
  ERR_METHOD: 'the daemon is of another version: restart it',
  ERR_FORBIDDEN: "run it as root, as the daemon's user or as a member of its admin_group",
  ERR_BUSY: 'try again later',
  ERR_RATE: 'wait, or raise bytes_per_second_per_user',
  ERR_NOT_SEEDED: 'wait; entropyctl status shows the sources',
  ERR_HEALTH: 'entropyctl status shows why; entropyctl reseed is the way back',
  ERR_ENTROPY: 'entropyctl status shows the sources',
  ERR_INTERNAL: seeLog,
};

/**
 * A failure of a request to the daemon, with its path and advice; any other error as it is.
 * @param path the socket's
 */
export function askingFailed(error: unknown, path: string): unknown {
  // An API's error tells its clients less than its cause tells who runs this program.
  const told = error instanceof ServiceError && error.cause !== undefined ? error.cause : error;
  if (!(told instanceof EntropyError)) return told;
  const { code, message } = told;
  if (code === 'ERR_CONNECT' && isNoSocket(path))
    return new CommandError(code, `${path} is no socket: name the daemon's with --socket`);
  const where = message.includes(path) ? '' : ` (socket ${path})`;
  const what = advice[code] === undefined ? '' : `; ${advice[code]}`;
  return new CommandError(code, `${message}${where}${what}`, { cause: error });
}

/** connect(2) says ECONNREFUSED of any other file. */
function isNoSocket(path: string): boolean {
  const there = statSync(path, { throwIfNoEntry: false });
  return there !== undefined && !there.isSocket();
}
