/**
 * Where commands write what may be long: standard output, a device or FIFO, or a file that appears
 * complete or not at all.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, constants, openSync, type Stats, unlinkSync } from 'node:fs';
import { type FileHandle, open, realpath, rename, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { CommandError, isSystemError } from '../common/program.js';

/** Writes in order. @returns when `data` may be reused */
export type Write = (data: string | Uint8Array) => Promise<void>;

export interface Output {
  write: Write;
  /** Makes what was written permanent. */
  finish(): Promise<void>;
  /**
   * Ends an output that is not finished: synchronously, so that it also works while the process
   * exits. A file is then as it was before.
   */
  discard(): void;
}

export interface OutputOptions {
  /** Permissions of a new file, whatever the umask. */
  mode: number;
  /** Whether an existing file keeps its mode and owner. */
  keepsMode: boolean;
}

const ownerOnly: OutputOptions = { mode: 0o600, keepsMode: true };

/**
 * Opens an output, lets `use` write, and finishes the output; discards it if anything fails.
 * @param path and `options` as for `openOutput`
 * @throws CommandError if the output fails, and whatever `use` throws
 */
export async function withOutput(
  path: string | undefined,
  use: (write: Write) => Promise<void>,
  options?: OutputOptions,
): Promise<void> {
  try {
    const output = await openOutput(path, options);
    try {
      await use((data) => output.write(data));
      await output.finish();
    } finally {
      output.discard();
    }
  } catch (error) {
    throw outputFailure(error, path);
  }
}

/** Paths that name descriptors of a process: they cannot be replaced. */
const descriptors = /^\/(?:dev\/(?:stdout|stderr|fd\/\d+)|proc\/(?:self|\d+)\/fd\/\d+)$/;

/**
 * Opens an output.
 * @param path a file, which is replaced on `finish`; a device, a FIFO or a descriptor in /dev, which
 *   is written directly; undefined for standard output
 * @throws system errors
 */
export async function openOutput(
  path: string | undefined,
  { mode, keepsMode }: OutputOptions = ownerOnly,
): Promise<Output> {
  if (path === undefined || path === '/dev/stdout') return standardOutput();
  const existing = await statIfExists(path);
  if (existing?.isFIFO()) return new StreamOutput(await openFifo(path));
  // Opening a directory fails here with EISDIR.
  if (descriptors.test(path) || (existing !== undefined && !existing.isFile())) {
    const file = await open(path, constants.O_WRONLY | constants.O_TRUNC);
    return new StreamOutput(file.createWriteStream());
  }
  return createAtomicFile(path, { mode, replaces: keepsMode ? existing : undefined });
}

function statIfExists(path: string): Promise<Stats | undefined> {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

let stdout: StreamOutput | undefined;

/** The output of this process. */
export function standardOutput(): Output {
  stdout ??= new StreamOutput(process.stdout);
  return stdout;
}

/** Writes to a stream directly, and ends the stream with the output unless it is standard output. */
export class StreamOutput implements Output {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
    // Failures reach the callback of `write`; without a listener the event would be thrown too.
    stream.on('error', () => {});
  }

  write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(data, (error) => (error ? reject(error) : resolve()));
    });
  }

  async finish(): Promise<void> {
    if (this.#stream !== process.stdout) await finished(this.#stream.end());
  }

  discard(): void {
    if (this.#stream !== process.stdout) this.#stream.destroy();
  }
}

/** Between two attempts to open a FIFO that has no reader, milliseconds. */
const pollMs = 50;

/**
 * Opens a FIFO as soon as it has a reader. A blocking open(2) would wait on a thread that no signal
 * handler can interrupt; O_NONBLOCK returns at once, so this polls.
 * @param pause waits between two attempts
 * @throws system errors
 */
export async function openFifo(
  path: string,
  pause: () => Promise<void> = () => setTimeout(pollMs),
): Promise<Socket> {
  for (;;) {
    try {
      const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      // A Socket, because a file stream would fail with EAGAIN when the FIFO is full.
      return new Socket({ fd, readable: false, writable: true });
    } catch (error) {
      // fifo(7): ENXIO says that there is no reader.
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    }
    await pause();
  }
}

const permissionBits = 0o777;

/** Opens the file that was created here, never a symbolic link that took its place. */
const writeFlags = constants.O_WRONLY | constants.O_NOFOLLOW;

export interface AtomicFileOptions {
  /** Permissions, whatever the umask. */
  mode: number;
  /** An existing file whose mode and, if permitted, owner the new file takes over. */
  replaces?: Stats | undefined;
}

/**
 * Begins a file that is written under a temporary name in the same directory, synced, and renamed
 * (rename(2)). Until `finish`, `path` is unchanged. Without `finish` nothing is left, even if a signal
 * handler exits the process; only SIGKILL leaves `.entropyctl-*.tmp`.
 * @throws system errors
 */
export async function createAtomicFile(path: string, options: AtomicFileOptions): Promise<Output> {
  const { mode, replaces } = options;
  // A symbolic link stays; its target is replaced.
  const target = await realpath(path).catch(() => path);
  const temporary = join(dirname(target), `.entropyctl-${randomUUID()}.tmp`);
  let opened: FileHandle | undefined;
  let isPending = true;
  const discard = () => {
    process.off('exit', discard);
    if (!isPending) return;
    isPending = false;
    try {
      unlinkSync(temporary);
    } catch {
      // Already removed by someone else.
    }
    void opened?.close().catch(() => {});
  };
  // Synchronous: no signal handler can run between creating the file and registering its removal.
  closeSync(openSync(temporary, 'wx', mode));
  process.once('exit', discard);
  try {
    opened = await open(temporary, writeFlags);
    // Only root may change the owner; for others the existing file is usually their own.
    if (replaces !== undefined) await opened.chown(replaces.uid, replaces.gid).catch(() => {});
    await opened.chmod((replaces?.mode ?? mode) & permissionBits);
  } catch (error) {
    discard();
    throw error;
  }
  const file = opened;
  return {
    async write(data) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      for (let at = 0; at < bytes.length; )
        at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
    },
    async finish() {
      await file.sync();
      await rename(temporary, target);
      isPending = false;
      process.off('exit', discard);
      await file.close();
      await syncDirectory(dirname(target));
    },
    discard,
  };
}

/** Makes a rename survive a power failure; not every file system supports it. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => undefined);
  await directory?.sync().catch(() => {});
  await directory?.close();
}

const noSpace = 'no space left: free some or choose another path';
const noPermission = 'permission denied: run as the owner or choose another path';

/** What to do, by the code of the system error. */
const advice: Record<string, string> = {
  ENOENT: 'directory does not exist: create it or choose another path',
  ENOTDIR: 'part of the path is not a directory',
  EISDIR: 'it is a directory: name a file in it',
  EACCES: noPermission,
  EPERM: noPermission,
  EROFS: 'read-only file system: choose another path',
  ENOSPC: noSpace,
  EDQUOT: noSpace,
};

/**
 * A system error as a failure to write, with path and advice; any other error unchanged.
 * @param path undefined for standard output
 */
export function outputFailure(error: unknown, path: string | undefined): unknown {
  if (!isSystemError(error)) return error;
  const code = error.code ?? 'ERR_INTERNAL';
  const what = advice[code] ?? error.message;
  return new CommandError(code, `cannot write ${path ?? 'standard output'} (${code}): ${what}`, {
    cause: error,
  });
}
