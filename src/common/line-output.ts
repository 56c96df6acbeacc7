/**
 * Lines to standard error or standard output, without ever waiting for whoever reads them: a full
 * disk, a stopped reader or a stuck terminal must not stop or end a process that others depend on.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';
import { type Every, every } from './timer.js';

/** Bytes that may wait: some thousand lines of a log. Ours. */
const maxWaitingBytes = 256 * 1024;

/** Between two attempts while lines wait. Ours: a failed attempt costs microseconds. */
const retryMs = 100;

const standardError = 2;

/** What is opened again never becomes this process's controlling terminal. */
const reopenFlags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** By descriptor; for as long as the process lives, so that each is opened again once at most. */
const reopened = new Map<number, number>();

/** Kept: a collected socket would close the descriptor that it wraps. */
const wrappers = new Set<Socket>();

/**
 * A descriptor whose writes fail with EAGAIN where those to `fd` would wait. A flag set on `fd` itself
 * would hold for every process that shares it, such as the shell that started this one. So:
 *
 * - Pipes, FIFOs and terminals are opened again.
 * - Sockets cannot be, and are made non-blocking. The journal's stream is the unit's own.
 * - Regular files do not wait, except on a network mount that does not answer.
 * - If opening again is refused, as after a change of user, a pipe is treated like a socket. A terminal
 *   then keeps its flags: who stops its output (Ctrl-S) stops the process.
 * @param fd an open descriptor, which stays open
 * @returns `fd`, or another descriptor for the same, which stays open until the process ends
 * @throws a system error: `ENXIO` for a pipe that nobody reads; try again later
 */
export function nonBlocking(fd: number): number {
  const known = reopened.get(fd);
  if (known !== undefined) return known;
  const made = makeNonBlocking(fd);
  reopened.set(fd, made);
  return made;
}

function makeNonBlocking(fd: number): number {
  const stats = fstatSync(fd);
  const isTerminal = isatty(fd);
  if (stats.isFIFO() || isTerminal)
    try {
      return openSync(`/proc/self/fd/${fd}`, reopenFlags);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENXIO') throw error;
      if (isTerminal) return fd;
    }
  if (!stats.isFIFO() && !stats.isSocket()) return fd;
  try {
    // libuv sets O_NONBLOCK. Nothing is read, and an idle handle keeps no process alive.
    wrappers.add(new Socket({ fd, readable: false, writable: true }));
  } catch {
    // A kind of socket that Node does not know: its writes may wait.
  }
  return fd;
}

/** What a test replaces. */
export interface LineOutputOptions {
  /** Writes what it can without waiting; returns the bytes written, or throws. */
  readonly write?: (bytes: Uint8Array) => number;
  readonly limitBytes?: number;
  readonly timer?: Every;
}

/**
 * Writes each line at once if possible, so that the last line before an exit is there. What cannot be
 * written waits, up to a limit, and is tried again by a timer that keeps no process alive; lines beyond
 * the limit are dropped and counted. The first lines of a failure stay, because they tell its cause.
 */
export class LineOutput {
  /** Called when everything that waited is written, with how many lines were dropped before that. */
  whenDropped: (lines: number) => void = () => {};
  readonly #write: (bytes: Uint8Array) => number;
  readonly #limitBytes: number;
  readonly #every: Every;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #dropped = 0;
  #untold = 0;
  #stop: (() => void) | undefined;

  /** @param fd stays the caller's; it is looked at with the first line */
  constructor(fd: number, options: LineOutputOptions = {}) {
    this.#write = options.write ?? ((bytes) => writeSync(nonBlocking(fd), bytes));
    this.#limitBytes = options.limitBytes ?? maxWaitingBytes;
    this.#every = options.timer ?? every;
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Never waits and never throws.
   * @param line with its line feed
   */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > this.#limitBytes) {
      this.#dropped++;
      this.#untold++;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (this.#stop === undefined) this.flush();
  }

  /** Tries once to write what waits. */
  flush(): void {
    try {
      for (let head = this.#waiting[0]; head !== undefined; head = this.#waiting[0]) {
        const written = this.#write(head);
        this.#waitingBytes -= written;
        if (written < head.length) this.#waiting[0] = head.subarray(written);
        else this.#waiting.shift();
      }
    } catch {
      this.#stop ??= this.#tryLater();
      return;
    }
    this.#stop?.();
    this.#stop = undefined;
    const lines = this.#untold;
    this.#untold = 0;
    if (lines > 0) this.whenDropped(lines);
  }

  /** @returns ends it */
  #tryLater(): () => void {
    const flush = () => this.flush();
    const stop = this.#every(flush, retryMs);
    // A slow reader may have caught up since the last attempt.
    process.once('exit', flush);
    return () => {
      stop();
      process.off('exit', flush);
    };
  }
}

/** Standard error of this process: its log, and the line that says why it ends. */
export const errorOutput = new LineOutput(standardError);
