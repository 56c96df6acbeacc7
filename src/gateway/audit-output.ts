/**
 * Where the audit log's lines go: a file, standard output, the journal or syslog. None is waited for.
 * Long because it has all four.
 */
import fs, { constants, writeSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { getSystemErrorName, promisify } from 'node:util';
import { EntropyError } from '../common/errors.js';
import { nonBlocking } from '../common/line-output.js';
import type { Addon } from '../common/package.js';
import { logFault } from '../common/private-file.js';
import { isAuditTarget } from '../config/config.js';

/** Takes lines for as long as there is room. */
export interface AuditOutput {
  /**
   * Hands lines to the kernel.
   * @param lines at least one, each with its line feed. A line that went in part must come first the
   *   next time, and is continued
   * @returns how many whole lines it has now; fewer, or 0 after a part of a line, if there is no more
   *   room
   * @throws a system error if it takes nothing: `EAGAIN` if there is only no room now
   */
  write(lines: readonly Uint8Array[]): Promise<number>;
  /**
   * For log rotation: a file is opened again by its path, and the others are not rotated.
   * @returns the output to use from now on, which may be this one
   * @throws EntropyError `ERR_CONFIG`
   */
  reopen(): Promise<AuditOutput>;
  /** Not while a write is under way. */
  close(): void;
}

/** What is outside of this process. */
export interface AuditPlaces {
  /** Sends datagrams to syslog. */
  readonly addon?: Pick<Addon, 'sendDatagram'> | undefined;
  /** Path of the journal's socket for streams. */
  readonly journal?: string;
  /** Path of syslog's socket for datagrams. */
  readonly syslog?: string;
}

/** Of node:fs, as promises; a FileHandle would close its descriptor when it is collected. */
const [open, write, close] = [promisify(fs.open), promisify(fs.write), promisify(fs.close)];
const [fstat, ftruncate] = [promisify(fs.fstat), promisify(fs.ftruncate)];

const standardOutput = 1;

/** PIPE_BUF, pipe(7): a pipe takes no more than this as a whole or not at all. */
const pipeBytes = 4096;

/** As the journal and syslog know these lines. */
const identifier = 'entropyd-audit';

/**
 * Opens what the configuration names.
 * @param target `-`: standard output; `journal`; `syslog`; everything else is a path and has a slash
 * @throws EntropyError `ERR_CONFIG`
 */
export async function openAuditOutput(
  target: string,
  { addon, journal = '/run/systemd/journal/stdout', syslog = '/dev/log' }: AuditPlaces = {},
): Promise<AuditOutput> {
  if (target === '-') return descriptorOutput(() => nonBlocking(standardOutput), pipeBytes);
  if (target === 'journal') return openJournal(journal);
  if (target === 'syslog') return openSyslog(syslog, addon);
  if (!isAuditTarget(target))
    throw refusal(target, 'want -, journal, syslog, or the path of a file with a slash (./NAME)');
  return openFile(target);
}

function refusal(target: string, reason: string, options?: ErrorOptions): EntropyError {
  return new EntropyError('ERR_CONFIG', `audit log ${target}: ${reason}`, {
    ...options,
    key: 'gateway.audit',
  });
}

const noRoom = () => Object.assign(new Error('no room now'), { code: 'EAGAIN' });
const noSpace = () => Object.assign(new Error('no space for a line'), { code: 'ENOSPC' });

/** @returns how many bytes of `lines` are whole lines within `bytes`, and how many lines */
function wholeLines(lines: readonly Uint8Array[], bytes: number) {
  let [count, end] = [0, 0];
  for (const { length } of lines) {
    if (end + length > bytes) break;
    end += length;
    count++;
  }
  return { count, end };
}

/**
 * Writes many lines at once, in the thread pool: a disk may take a while.
 * @param descriptor asked at each write; it may throw
 * @param mostBytes of a write, unless one line is longer
 * @param remove takes that many bytes from the end again, if it can
 */
function descriptorOutput(
  descriptor: () => number,
  mostBytes = Number.POSITIVE_INFINITY,
  remove: (bytes: number, written: number) => Promise<boolean> = async () => false,
): AuditOutput {
  /** Bytes of the next line that are written already. */
  let begun = 0;
  const output: AuditOutput = {
    async write(lines) {
      const most = Math.max(1, wholeLines(lines, mostBytes).count);
      const bytes = Buffer.concat(lines.slice(0, most)).subarray(begun);
      const { bytesWritten } = await write(descriptor(), bytes, 0, bytes.length, null);
      const { count, end } = wholeLines(lines, begun + bytesWritten);
      begun += bytesWritten - end;
      if (await remove(begun, bytesWritten)) {
        begun = 0;
        if (count === 0) throw noSpace();
      }
      return count;
    },
    reopen: async () => output,
    close() {},
  };
  return output;
}

// A file.

const fileMode = 0o600;

/** Never follows a symbolic link, which another user may have put there, and never waits. */
const fileFlags =
  constants.O_APPEND |
  constants.O_CREAT |
  constants.O_WRONLY |
  constants.O_NOFOLLOW |
  constants.O_NONBLOCK;

/** A new file gets mode 0600. What was checked is what is written to: the open descriptor. */
async function openFile(path: string): Promise<AuditOutput> {
  const descriptor = await open(path, fileFlags, fileMode).catch((cause) => {
    throw refusal(path, cause.code === 'ELOOP' ? 'it is a symbolic link' : cause.message, {
      cause,
    });
  });
  const stats = await fstat(descriptor);
  const fault = stats.isFile() ? logFault(stats) : 'want a regular file';
  if (fault !== undefined) {
    await close(descriptor);
    throw refusal(path, fault);
  }
  let { size } = stats;

  /**
   * A full disk takes lines in part. The part is removed at once, so that the file does not stay with it if
   * this process dies later, or the rest goes to the next file. Not if somebody else writes to the
   * file as well, or if it may only be appended to (chattr +a): then the line is continued later.
   */
  async function remove(bytes: number, written: number): Promise<boolean> {
    size += written;
    if (bytes === 0 || (await fstat(descriptor)).size !== size) return false;
    try {
      await ftruncate(descriptor, size - bytes);
    } catch {
      return false;
    }
    size -= bytes;
    return true;
  }

  return {
    ...descriptorOutput(() => descriptor, undefined, remove),
    reopen: () => openFile(path),
    close: () => void close(descriptor).catch(() => {}),
  };
}

/**
 * Hands over line by line.
 * @param send throws if it does not have the whole line
 * @returns how many it took
 */
function lineByLine(lines: readonly Uint8Array[], send: (line: Uint8Array) => void): number {
  let count = 0;
  try {
    for (const line of lines) {
      send(line);
      count++;
    }
  } catch (error) {
    if (count === 0) throw error;
  }
  return count;
}

// The journal: systemd's protocol for standard output, a header and then lines.

/** syslog(3): facility authpriv (10), severity info (6). */
const [authpriv, info] = [10, 6];

/** Identifier, unit (the journal knows it), priority; no prefixes in the lines; no forwarding. */
const journalHeader = `${identifier}\n\n${info}\n0\n0\n0\n0\n`;

async function openJournal(path: string): Promise<AuditOutput> {
  let socket = await connectJournal(path).catch((cause) => {
    throw refusal('journal', cause.message, { cause });
  });
  const output: AuditOutput = {
    async write(lines) {
      if (socket.destroyed) socket = await connectJournal(path);
      return lineByLine(lines, (line) => sendWhole(socket, line));
    },
    reopen: async () => output,
    close: () => socket.destroy(),
  };
  return output;
}

function connectJournal(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      try {
        sendWhole(socket, Buffer.from(journalHeader));
        socket.unref();
        resolve(socket);
      } catch (error) {
        reject(error);
      }
    });
    // After it was resolved only the write that finds the socket destroyed tells the failure. Reading
    // notices that the journal has closed.
    socket.on('error', reject).resume();
  });
}

/**
 * Writes at once: `Socket.write` would keep bytes and not say how many the journal has. A line goes as
 * a whole or not at all, because the kernel splits only what is larger than half its buffer (unix(7):
 * 200 KiB). If it ever does, the connection ends with the part, and the line is sent again on the next.
 */
function sendWhole(socket: Socket, line: Uint8Array): void {
  // Undocumented, and gone with the handle: after a close the number may be another's.
  const fd = (socket as unknown as { _handle?: { fd: number } | null })._handle?.fd;
  try {
    if (fd !== undefined && writeSync(fd, line) === line.length) return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') socket.destroy();
    throw error;
  }
  socket.destroy();
  throw noRoom();
}

// Syslog: a datagram a line, as syslog(3) sends it (RFC 3164 without a host name).

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** @returns `Nov  7 09:05:00`, local time */
function syslogTime(now: Date): string {
  const day = String(now.getDate()).padStart(2);
  return `${months[now.getMonth()]} ${day} ${now.toTimeString().slice(0, 8)}`;
}

async function openSyslog(path: string, addon: AuditPlaces['addon']): Promise<AuditOutput> {
  if (addon === undefined)
    throw refusal('syslog', 'only the addon can send to it, and there is none');
  const stats = await stat(path).catch((cause) => {
    throw refusal('syslog', cause.message, { cause });
  });
  if (!stats.isSocket()) throw refusal('syslog', `${path} is not a socket`);
  const output: AuditOutput = {
    write: async (lines) =>
      lineByLine(lines, (line) => {
        const head = `<${authpriv * 8 + info}>${syslogTime(new Date())} ${identifier}[${process.pid}]: `;
        const errno = addon.sendDatagram(
          path,
          head + Buffer.from(line).toString().trimEnd(),
          false,
        );
        if (errno === 0) return;
        const code = getSystemErrorName(-errno);
        throw Object.assign(new Error(`${code}: ${path}`), { code });
      }),
    reopen: async () => output,
    close() {},
  };
  return output;
}
