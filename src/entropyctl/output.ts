/** What commands write into, whatever it is. */

import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  open as openForCallback,
  openSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { type FileHandle, open, realpath, rename, stat } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CommandError, isSystemError } from '../common/program.js';

/** Takes bytes, one write after another. */
export interface Output {
  /** @returns when `data` may be used again */
  write(data: string | Uint8Array): Promise<void>;
  /** That was all: makes it last. */
  finish(): Promise<void>;
  /** Ends it where it is not finished. A file is then as it was, at once, also while the process ends. */
  discard(): void;
}

// Where commands put what may be long: standard output, a device, or a file as a whole.

export interface OutputOptions {
  /** Of a new file, whatever the umask. */
  mode: number;
  /** Whether an old file's mode and owner are taken over. */
  keepsMode: boolean;
}

const ownersAlone: OutputOptions = { mode: 0o600, keepsMode: true };

/** These are descriptors of this process, and no files to replace. */
const descriptors = /^\/(?:dev\/(?:stdout|stderr|fd\/\d+)|proc\/(?:self|\d+)\/fd\/\d+)$/;

/**
 * Opens an output.
 * @param path a file, which is replaced when all is written; a device, a FIFO or a descriptor below
 *   /dev, which is written straight; undefined for standard output
 * @throws system errors
 */
export async function openOutput(
  path: string | undefined,
  { mode, keepsMode }: OutputOptions = ownersAlone,
): Promise<Output> {
  if (path === undefined || path === '/dev/stdout') return new StreamOutput(process.stdout);
  const there = await statOf(path);
  if (there?.isFIFO()) return new StreamOutput(await openFifo(path));
  // A folder fails here, and the message says so.
  if (descriptors.test(path) || (there !== undefined && !there.isFile())) {
    const file = await open(path, constants.O_WRONLY | constants.O_TRUNC);
    return new StreamOutput(file.createWriteStream());
  }
  return createAtomicFile(path, { mode, replaces: keepsMode ? there : undefined });
}

function statOf(path: string): Promise<Stats | undefined> {
  return stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

// Output that goes out as it comes: standard output, pipes, terminals, devices.

/** How often a FIFO is looked at that nobody reads yet. */
const pollMs = 50;

/** Over a stream, which ends with it unless it is the process's own. */
export class StreamOutput implements Output {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
    // Failures come through the writes' callbacks; without a listener the event would be thrown.
    stream.on('error', ignore);
  }

  write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(data, (error) => (error ? reject(error) : resolve()));
    });
  }

  async finish(): Promise<void> {
    if (!this.#isStandard()) await finished(this.#stream.end());
  }

  discard(): void {
    if (!this.#isStandard()) this.#stream.destroy();
  }

  #isStandard(): boolean {
    return this.#stream === process.stdout;
  }
}

function ignore(): void {}

/**
 * Opens a FIFO when somebody reads it. Nothing waits in the kernel: a thread that does could not be
 * ended by a signal's handler.
 */
export async function openFifo(path: string): Promise<Socket> {
  for (;;) {
    const descriptor = await promisify(openForCallback)(
      path,
      constants.O_WRONLY | constants.O_NONBLOCK,
    ).catch((error: NodeJS.ErrnoException) => {
      // fifo(7): there is no reader.
      if (error.code === 'ENXIO') return undefined;
      throw error;
    });
    if (descriptor !== undefined)
      return new Socket({ fd: descriptor, readable: false, writable: true });
    await setTimeout(pollMs);
  }
}

// A file that comes into being whole: written beside its place, synchronised, and renamed (rename(2)).

const permissionBits = 0o777;

/** Of the file that was made here, and of nothing that has taken its place. */
const writeFlags = constants.O_WRONLY | constants.O_NOFOLLOW;

export interface AtomicFileOptions {
  /** Whatever the umask. */
  mode: number;
  /** The file there, if the new one is to take over its mode and, where that is allowed, its owner. */
  replaces?: Stats | undefined;
}

/**
 * Begins a file. Until `finish` nothing of it is at `path`; without it, also where a signal ends the
 * process by its 'exit' event, nothing is left. SIGKILL leaves `.entropyctl-*.tmp` in the folder.
 * @throws system errors
 */
export async function createAtomicFile(path: string, options: AtomicFileOptions): Promise<Output> {
  const { mode, replaces } = options;
  // A link stays, and what it points to is replaced.
  const target = await realpath(path).catch(() => path);
  const temporary = join(dirname(target), `.entropyctl-${randomUUID()}.tmp`);
  let opened: FileHandle | undefined;
  let unfinished = true;
  const discard = () => {
    process.off('exit', discard);
    if (!unfinished) return;
    unfinished = false;
    try {
      unlinkSync(temporary);
    } catch {
      // Somebody else has.
    }
    void opened?.close().catch(() => {});
  };
  // At once: no signal's handler runs between the file and what removes it.
  closeSync(openSync(temporary, 'wx', mode));
  process.once('exit', discard);
  try {
    opened = await open(temporary, writeFlags);
    // Only root may give files away; for others it is their own as a rule.
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
      unfinished = false;
      process.off('exit', discard);
      await file.close();
      await synchroniseFolder(dirname(target));
    },
    discard,
  };
}

/** So that the new name survives a power failure; not every file system has it. */
async function synchroniseFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  await folder?.sync().catch(() => {});
  await folder?.close();
}

// What a command writes: an output that is finished when all went well, and else leaves nothing.

/** @returns when the data may be used again */
export type Write = (data: string | Uint8Array) => Promise<void>;

/**
 * Opens an output, lets `use` write, and finishes it.
 * @param path and `options` as of `openOutput`
 * @throws CommandError where it cannot be written, and whatever `use` throws
 */
export async function writing(
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
    throw writingFailed(error, path);
  }
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
