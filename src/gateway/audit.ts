/**
 * The audit log: a JSON line for each request to an API.
 *
 * When the disk fails or cannot keep up, lines are dropped and counted, and requests are still
 * answered. Other software's security rests on the bytes, and whoever can fill a disk must not be able
 * to stop them. The gap is reported twice: in the program's log when it begins, and in the file, with
 * its size, as soon as the file can be written to again.
 */
import { close, constants, fstat, open } from 'node:fs';
import { promisify } from 'node:util';
import sonicBoom from 'sonic-boom';
import type { AuditFields } from '../apis/api.js';
import { EntropyError } from '../common/errors.js';

/** What is known about one request. Never random bytes, and nothing that proves who somebody is. */
export interface AuditEntry extends AuditFields {
  readonly requestId: string;
  readonly api: string;
  /** `ok`, or the error's code as the client gets it. */
  readonly outcome: string;
  /** HTTP status. */
  readonly status: number;
  /** IP address, or `unix`. */
  readonly client: string;
}

/** An open audit log. */
export interface Audit {
  /** Lines that were dropped since the start. */
  readonly dropped: number;
  /** Never waits and never throws. */
  write(entry: AuditEntry): void;
  /**
   * From now on writes to `descriptor`, which becomes its own; lines that wait still go to the one
   * before. Not after `close`.
   */
  adopt(descriptor: number): void;
  /** Writes the lines that wait, for at most 2 s. */
  close(): Promise<void>;
}

/** Where failures of the audit log itself are reported. */
type ErrorLog = { error(fields: object, message: string): void };

type Stream = InstanceType<typeof sonicBoom.SonicBoom>;

/** Bytes that may wait for the disk: some thousand lines. Ours. */
const maxWaitingBytes = 1024 * 1024;
const closeMs = 2000;

/** A disk that comes and goes is reported once in this time, however often it does. */
const defaultQuietMs = 60_000;

const standardOutput = 1;
const fileMode = 0o600;

/** Never follows a symbolic link, which another user may have put there, and never waits. */
const fileFlags =
  constants.O_APPEND |
  constants.O_CREAT |
  constants.O_WRONLY |
  constants.O_NOFOLLOW |
  constants.O_NONBLOCK;

/**
 * Opens the file of an audit log; a new one gets mode 0600.
 * @param path a regular file, or `-` for standard output
 * @returns a descriptor, for {@link createAudit} or {@link Audit.adopt}; until then the caller's
 * @throws EntropyError `ERR_CONFIG`
 */
export async function openAuditFile(path: string): Promise<number> {
  if (path === '-') return standardOutput;
  const refusal = (reason: string, options?: ErrorOptions) =>
    new EntropyError('ERR_CONFIG', `audit file ${path}: ${reason}`, options);
  // A bare descriptor: a FileHandle would close it again when it is collected.
  const descriptor = await promisify(open)(path, fileFlags, fileMode).catch((cause) => {
    throw refusal(cause.code === 'ELOOP' ? 'it is a symbolic link' : cause.message, { cause });
  });
  if ((await promisify(fstat)(descriptor)).isFile()) return descriptor;
  await promisify(close)(descriptor);
  throw refusal('want a regular file, or - for standard output');
}

/**
 * Starts an audit log.
 * @param descriptor of {@link openAuditFile}; from now on the audit log's own
 * @param log gets an error when lines begin to wait for a failing disk, and with how many were dropped
 * @param quietMs after which it gets these again
 */
export function createAudit(descriptor: number, log: ErrorLog, quietMs = defaultQuietMs): Audit {
  let dropped = 0;
  let droppedBefore = 0;
  let isFailing = false;
  /** Dropped lines that have not been reported. */
  let unreported = 0;
  let quiet: NodeJS.Timeout | undefined;
  let isClosed = false;
  const line = (fields: object) => `${JSON.stringify({ time: new Date(), ...fields })}\n`;

  function fail(reason: string): void {
    if (!isFailing && quiet === undefined)
      log.error({ reason }, `audit log: lines wait, ${maxWaitingBytes} bytes at most`);
    isFailing = true;
  }

  function reportDropped(): void {
    quiet = undefined;
    if (unreported === 0) return;
    log.error({ dropped: unreported }, 'audit log: lines were dropped');
    unreported = 0;
    quiet = setTimeout(reportDropped, quietMs).unref();
  }

  function start(fd: number): Stream {
    const stream = new sonicBoom.SonicBoom({ fd, maxLength: maxWaitingBytes, sync: false });
    stream.on('error', (error) => fail(error.message));
    stream.on('drop', () => {
      dropped++;
      fail('the disk does not keep up');
    });
    stream.on('drain', () => {
      isFailing = false;
      if (dropped === 0) return;
      unreported += dropped;
      if (quiet === undefined) reportDropped();
      const gap = line({ dropped });
      droppedBefore += dropped;
      dropped = 0;
      stream.write(gap);
    });
    return stream;
  }

  /** Writes what waits and closes; gives up after a while. */
  function finish(stream: Stream): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        log.error({}, 'audit log: closed before all was written');
        stream.destroy();
        resolve();
      }, closeMs);
      stream.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      stream.end();
    });
  }

  let stream = start(descriptor);
  return {
    get dropped() {
      return droppedBefore + dropped;
    },
    write(entry) {
      if (!isClosed) stream.write(line(entry));
    },
    adopt(next) {
      const before = stream;
      stream = start(next);
      void finish(before);
    },
    async close() {
      isClosed = true;
      await finish(stream);
      clearTimeout(quiet);
      reportDropped();
      clearTimeout(quiet);
    },
  };
}
