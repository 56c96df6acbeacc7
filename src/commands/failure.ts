/** What a failure means to who runs a command: what it is, at which path, and what to do. */
import { statSync } from 'node:fs';
import { EntropyError, type ErrorCode, ServiceError } from '../errors.js';

/** A failure in a form to be printed, in one line. */
export class CommandError extends Error {
  /** An `ErrorCode`, or a system error's such as `ENOSPC`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A fault in the arguments, with what to do about it. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super('ERR_USAGE', message);
  }
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

const noRoom = 'there is no space left: make some, or take another place';
const noPermission = 'no permission: run it as its owner, or take another place';

/** By the system's code. */
const writingAdvice: Record<string, string> = {
  ENOENT: 'its folder is not there: make it, or take another',
  ENOTDIR: 'a part of its path is no folder',
  EISDIR: 'it is a folder: name a file in it',
  EACCES: noPermission,
  EPERM: noPermission,
  EROFS: 'the file system is read-only: take another place',
  ENOSPC: noRoom,
  EDQUOT: noRoom,
};

/**
 * A failure to write, with the path and advice; any other error as it is.
 * @param path undefined for standard output
 */
export function writingFailed(error: unknown, path: string | undefined): unknown {
  if (!isSystemError(error)) return error;
  const code = error.code ?? 'ERR_INTERNAL';
  const what = writingAdvice[code] ?? error.message;
  return new CommandError(code, `cannot write ${path ?? 'standard output'} (${code}): ${what}`, {
    cause: error,
  });
}

/** A file that cannot be opened, a full disk. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
