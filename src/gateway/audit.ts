/**
 * The audit log: a JSON line for each request to an API, numbered, so that a gap shows.
 *
 * Lines wait in a bounded queue for the file, the journal or syslog, and none is lost silently: one
 * that there is no room for is dropped, counted, and reported twice: in the program's log, and in the
 * audit log, in its place. Whether requests are still answered then is the operator's choice. By
 * default they are, because other software's security rests on the bytes, and whoever can fill a disk
 * must not be able to stop them.
 */
import type { AuditFields } from '../apis/api.js';
import type { AuditOutput } from './audit-output.js';

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
  /** Whether a request may only be answered once its line is written. */
  readonly isRequired: boolean;
  /** Lines that were dropped since the start. */
  readonly dropped: number;
  /**
   * Never throws and never rejects.
   * @returns undefined if nobody has to wait; else resolves with whether the kernel has the line: false
   *   if it was dropped, or is still waiting after 2 s, and then may be written later
   */
  write(entry: AuditEntry): Promise<boolean> | undefined;
  /** Counts lines that were dropped before they came here, and says so where they would be. */
  missed(lines: number): void;
  /**
   * From now on writes to `next`, which becomes its own, lines that wait included; the one before is
   * closed. Not after `close`.
   */
  adopt(next: AuditOutput): void;
  /** Writes the lines that wait, for at most 2 s. */
  close(): Promise<void>;
}

/** Where failures of the audit log itself are reported. */
type ErrorLog = { error(fields: object, message: string): void };

/** Bytes that may wait: some thousand lines. Ours. */
const maxWaitingBytes = 1024 * 1024;

/** Bytes that are written at a time, unless one line is longer. Ours. */
const batchBytes = 64 * 1024;

/** Room that a line about dropped ones takes at most. */
const gapBytes = 128;

/** Between two attempts while lines cannot be written. Ours. */
const retryMs = 100;

/** A client waits some seconds for its answer; and so does a service manager for the end. */
const [requiredMs, closeMs] = [2000, 2000];

/** A disk that comes and goes is reported once in this time, however often it does. */
const defaultQuietMs = 60_000;

interface Line {
  readonly bytes: Uint8Array;
  readonly done: ((isWritten: boolean) => void) | undefined;
}

export interface AuditOptions {
  /** As {@link Audit.isRequired}; default false. */
  readonly isRequired?: boolean | undefined;
  /** After which the log is told of a failing disk again. */
  readonly quietMs?: number;
}

/**
 * Starts an audit log.
 * @param first from now on the audit log's own
 * @param log gets an error when lines begin to wait for a failing disk, and with how many were dropped
 */
export function createAudit(
  first: AuditOutput,
  log: ErrorLog,
  { isRequired = false, quietMs = defaultQuietMs }: AuditOptions = {},
): Audit {
  let output = first;
  let adopted: AuditOutput | undefined;
  const waiting: Line[] = [];
  let waitingBytes = 0;
  let sequence = 0;
  let dropped = 0;
  /** Dropped lines of which the audit log does not have a line yet. */
  let gap = 0;
  /** Dropped lines that the program's log has not been told of. */
  let unreported = 0;
  let isFailing = false;
  let quiet: NodeJS.Timeout | undefined;
  let retry: NodeJS.Timeout | undefined;
  let isWriting = false;
  let isClosed = false;
  let whenIdle = () => {};

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

  function drop(lines: number): void {
    dropped += lines;
    gap += lines;
    unreported += lines;
    fail('it does not keep up');
  }

  function put(fields: object, done?: Line['done']): void {
    const text = JSON.stringify({ time: new Date(), seq: ++sequence, ...fields });
    const bytes = Buffer.from(`${text}\n`);
    if (gap > 0 || waitingBytes + bytes.length > maxWaitingBytes) {
      drop(1);
      done?.(false);
      return;
    }
    waiting.push({ bytes, done });
    waitingBytes += bytes.length;
  }

  /** Says how many lines are missing, where they would be. */
  function putGap(): void {
    if (gap === 0 || waitingBytes + gapBytes > maxWaitingBytes) return;
    const missing = gap;
    gap = 0;
    put({ dropped: missing });
  }

  function nextBatch(): Uint8Array[] {
    const batch: Uint8Array[] = [];
    let size = 0;
    for (const { bytes } of waiting) {
      size += bytes.length;
      if (size > batchBytes && batch.length > 0) break;
      batch.push(bytes);
    }
    return batch;
  }

  function moveOn(): void {
    if (adopted === undefined) return;
    if (adopted !== output) output.close();
    output = adopted;
    adopted = undefined;
  }

  /** Writes all that waits, one write at a time: lines that come meanwhile go with the next. */
  async function run(): Promise<void> {
    isWriting = true;
    try {
      for (;;) {
        moveOn();
        putGap();
        if (waiting.length === 0) break;
        const count = await output.write(nextBatch());
        for (const { bytes, done } of waiting.splice(0, count)) {
          waitingBytes -= bytes.length;
          done?.(true);
        }
      }
      isFailing = false;
      if (quiet === undefined) reportDropped();
    } catch (error) {
      // A reader or a receiver that is only slow is no failure until lines are dropped.
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN') fail(message);
      retry = setTimeout(tryAgain, retryMs).unref();
    }
    isWriting = false;
    if (waiting.length === 0) whenIdle();
  }

  function tryAgain(): void {
    clearTimeout(retry);
    retry = undefined;
    if (!isWriting) void run();
  }

  /** Queues an entry, and writes it unless a write or a wait is under way. */
  function add(entry: AuditEntry, done?: Line['done']): void {
    putGap();
    put(entry, done);
    if (retry === undefined && !isWriting) void run();
  }

  function addRequired(entry: AuditEntry): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), requiredMs).unref();
      add(entry, (isWritten) => {
        clearTimeout(timer);
        resolve(isWritten);
      });
    });
  }

  return {
    isRequired,
    get dropped() {
      return dropped;
    },
    write(entry) {
      if (isClosed) return isRequired ? Promise.resolve(false) : undefined;
      if (isRequired) return addRequired(entry);
      add(entry);
      return undefined;
    },
    missed(lines) {
      sequence += lines;
      drop(lines);
      if (!isClosed && retry === undefined && !isWriting) void run();
    },
    adopt(next) {
      adopted = next;
      tryAgain();
    },
    async close() {
      isClosed = true;
      if (waiting.length > 0 || isWriting)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, closeMs);
          whenIdle = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      clearTimeout(retry);
      clearTimeout(quiet);
      reportDropped();
      clearTimeout(quiet);
      const left = waiting.splice(0);
      dropped += left.length;
      for (const { done } of left) done?.(false);
      if (left.length > 0)
        log.error({ dropped: left.length }, 'audit log: closed before all was written');
      // A write that the disk holds still uses it.
      if (!isWriting) output.close();
    },
  };
}
