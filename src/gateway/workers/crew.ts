/** Keeps a number of worker processes running: begins each, and replaces one that ends, later each time. */
import type { Socket } from 'node:net';
import type { Logger } from '../../apis/api.js';
import { EntropyError } from '../../common/errors.js';

/** A process that runs, and a channel to it. */
export interface WorkerProcess {
  readonly pid: number;
  /** Does nothing once the process is gone. A socket is also this process's until it is destroyed. */
  send(message: object, socket?: Socket): void;
  kill(): void;
}

/**
 * Starts a process.
 * @param receive gets each message
 * @param ended is called once, with how: `code 1`, `SIGKILL`
 */
export type Fork = (
  receive: (message: unknown) => void,
  ended: (how: string) => void,
) => WorkerProcess;

/** Time, as the argument that lets tests turn it by hand. */
export interface Clock {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** @returns cancels it */
  after(ms: number, action: () => void): () => void;
}

export const realClock: Clock = {
  now: () => performance.now(),
  after(ms, action) {
    const timer = setTimeout(action, ms);
    return () => clearTimeout(timer);
  },
};

/** A worker in the hands of its crew. */
export interface Member {
  receive(message: unknown): void;
  /** Resolves when it serves. */
  begin(): Promise<void>;
  /** Its process is gone. */
  ended(): void;
}

/** Before a worker is replaced: doubled with each that ended early, from the first to the last. Ours. */
const [firstDelayMs, lastDelayMs] = [100, 10_000];

/** A worker that lived so long is not a failure of what it was started with. Ours. */
const stableMs = 60_000;

/** So many early ends of each worker in a row, while none serves, are not going to be the last. Ours. */
const maxFailures = 5;

/** @param failures in a row, 1 or more */
export function replacementDelayMs(failures: number): number {
  return Math.min(lastDelayMs, firstDelayMs * 2 ** (failures - 1));
}

interface Place {
  failures: number;
  process: WorkerProcess | undefined;
  serves: boolean;
}

/** The workers of one gateway. */
export class Crew {
  /** Rejects once no worker can be kept running: `ERR_INTERNAL`. */
  readonly failed: Promise<never>;
  /** Workers that were replaced. */
  restarts = 0;
  readonly #places: Place[];
  readonly #fork: Fork;
  readonly #create: (process: WorkerProcess) => Member;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #delays = new Set<() => void>();
  #fail: (error: Error) => void = () => {};
  #isOver = false;
  #onEmpty = () => {};

  /** @param create makes what speaks with a process */
  constructor(
    count: number,
    fork: Fork,
    create: (process: WorkerProcess) => Member,
    log: Logger,
    clock: Clock = realClock,
  ) {
    this.#places = Array.from({ length: count }, () => ({
      failures: 0,
      process: undefined,
      serves: false,
    }));
    this.#fork = fork;
    this.#create = create;
    this.#log = log;
    this.#clock = clock;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => {});
  }

  /** Workers that serve. */
  get running(): number {
    return this.#places.filter(({ serves }) => serves).length;
  }

  /**
   * Starts all of them.
   * @throws what the first one threw that does not begin; end the crew then
   */
  async start(): Promise<void> {
    await Promise.all(this.#places.map((place) => this.#occupy(place)));
  }

  /** From now on nobody is replaced. */
  dismiss(): void {
    this.#isOver = true;
    for (const cancel of this.#delays) cancel();
  }

  /** Resolves when no process is left. */
  async empty(): Promise<void> {
    if (this.#isOccupied)
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
  }

  /** Kills those that are left. */
  kill(): void {
    for (const { process } of this.#places) process?.kill();
  }

  get #isOccupied(): boolean {
    return this.#places.some(({ process }) => process !== undefined);
  }

  /** @throws what the system has against one more process; then it is tried again later */
  #forked(place: Place, fork: () => WorkerProcess): WorkerProcess {
    try {
      return fork();
    } catch (error) {
      this.#ended(place, 0, (error as Error).message, 0);
      throw error;
    }
  }

  async #occupy(place: Place): Promise<void> {
    const startedAt = this.#clock.now();
    let member: Member | undefined;
    let reason: string | undefined;
    const receive = (message: unknown) => {
      if (place.process !== process) return;
      try {
        member?.receive(message);
      } catch (error) {
        // Never believed again: what it counted until then stays.
        reason = (error as Error).message;
        process.kill();
      }
    };
    const ended = (how: string) => {
      place.process = undefined;
      place.serves = false;
      member?.ended();
      if (!this.#isOccupied) this.#onEmpty();
      this.#ended(place, process.pid, reason ?? how, this.#clock.now() - startedAt);
    };
    const process: WorkerProcess = this.#forked(place, () => this.#fork(receive, ended));
    place.process = process;
    member = this.#create(process);
    try {
      await member.begin();
    } catch (error) {
      reason ??= (error as Error).message;
      process.kill();
      throw error;
    }
    place.serves = true;
    this.#log.info({ pid: process.pid }, 'gateway worker started');
  }

  #ended(place: Place, pid: number, reason: string, livedMs: number): void {
    if (this.#isOver) return;
    place.failures = livedMs >= stableMs ? 1 : place.failures + 1;
    this.restarts++;
    const delayMs = replacementDelayMs(place.failures);
    this.#log.error({ pid, reason, delayMs }, 'gateway worker ended; its connections are lost');
    if (this.running === 0 && this.#places.every(({ failures }) => failures >= maxFailures)) {
      this.dismiss();
      this.#fail(
        new EntropyError(
          'ERR_INTERNAL',
          `no gateway worker stays alive: each ended ${maxFailures} times in a row, the last one with: ${reason}`,
        ),
      );
      return;
    }
    const cancel = this.#clock.after(delayMs, () => {
      this.#delays.delete(cancel);
      // Its end has been told, and it is tried again.
      this.#occupy(place).catch(() => {});
    });
    this.#delays.add(cancel);
  }
}
