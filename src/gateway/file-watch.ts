/**
 * Notices that files have been renewed: a Secret by a kubelet, which replaces a link beside them, a certificate
 * by a client of ACME, which renames over it, a file by an editor. Events of inotify(7) only say when to look.
 */
import { watch as watchFolder } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from '../apis/api.js';
import { type Every, every } from '../common/timer.js';

/** Between two looks at files that change. Two that find the same: whoever writes them is done. Ours. */
export const settleMs = 250;

/**
 * Between two looks without an event: for what inotify does not report, such as network file systems and links
 * into other folders. Ours: a kubelet takes a minute or more to bring a renewed Secret.
 */
export const lookMs = 30_000;

/**
 * Begins to watch a folder.
 * @param onEvent is called after each change in the folder, and of the folder itself
 * @returns ends it
 * @throws what the system has against it
 */
export type WatchFolder = (folder: string, onEvent: () => void) => () => void;

const inotify: WatchFolder = (folder, onEvent) => {
  const watcher = watchFolder(folder, { persistent: false }, onEvent);
  watcher.on('error', onEvent);
  return () => watcher.close();
};

/** What a watch is started with. */
export interface FileWatchOptions {
  readonly paths: readonly string[];
  /** Is called while no other look is under way, and awaited. Must not throw. */
  readonly changed: () => Promise<void>;
  readonly log: Pick<Logger, 'warn'>;
  /** What a test replaces. */
  readonly timer?: Every | undefined;
  readonly watch?: WatchFolder | undefined;
}

/** Watches the folders of some files. Keeps no process alive. */
export class FileWatch {
  readonly #paths: readonly string[];
  readonly #changed: () => Promise<void>;
  readonly #log: Pick<Logger, 'warn'>;
  readonly #timer: Every;
  readonly #watch: WatchFolder;
  readonly #watched: (() => void)[] = [];
  /** Folders that cannot be watched, and why not. */
  readonly #unwatched = new Map<string, string>();
  #stopLooking = () => {};
  #stopSettling: (() => void) | undefined;
  /** The files as they were when they were last read. */
  #known: string | undefined;
  /** As the last look found them. */
  #found: string | undefined;
  /** Whether an event came since the last look began. */
  #isStirred = false;
  #isLooking = false;
  #isUnread = false;
  #isClosed = false;

  constructor({ paths, changed, log, timer = every, watch = inotify }: FileWatchOptions) {
    this.#paths = paths;
    this.#changed = changed;
    this.#log = log;
    this.#timer = timer;
    this.#watch = watch;
  }

  /**
   * Call it before the files are read: whatever is different from now on is a change.
   * @returns whether there was one since the last call, or what was read then is not in force
   */
  async mark(): Promise<boolean> {
    const now = await this.#identities();
    const isDue = this.#isUnread || now !== this.#known;
    this.#known = now;
    this.#isUnread = false;
    return isDue;
  }

  /** Begins to watch, with a look at what has changed since {@link mark}. */
  start(): void {
    this.#stopLooking = this.#timer(() => this.#look(true), lookMs);
    this.#follow();
    this.#stir();
  }

  /** What was read last is not in force: the next look that no event prompts reports a change. */
  unread(): void {
    this.#isUnread = true;
  }

  close(): void {
    this.#isClosed = true;
    this.#stopLooking();
    this.#settled();
    this.#unfollow();
  }

  /** Which files there are, as a text to compare: one that is replaced or written to gets another. */
  async #identities(): Promise<string> {
    const each = this.#paths.map(async (path) => {
      // ctime, because whoever writes may set the other times as they were.
      const { dev, ino, size, ctimeNs, mode, uid, gid } = await stat(path, { bigint: true });
      return [dev, ino, size, ctimeNs, mode, uid, gid].join(':');
    });
    const all = await Promise.allSettled(each);
    return all.map((one) => (one.status === 'fulfilled' ? one.value : 'none')).join();
  }

  #stir(): void {
    if (this.#isClosed) return;
    this.#isStirred = true;
    this.#stopSettling ??= this.#timer(() => this.#look(false), settleMs);
  }

  #settled(): void {
    this.#stopSettling?.();
    this.#stopSettling = undefined;
    this.#found = undefined;
  }

  async #look(isPeriodic: boolean): Promise<void> {
    if (this.#isLooking || this.#isClosed) return;
    this.#isLooking = true;
    this.#isStirred = false;
    // Before the look: what happens after it is an event then.
    this.#follow();
    const now = await this.#identities();
    const isDue = isPeriodic && this.#isUnread;
    if (now === this.#known && !isDue) {
      if (!this.#isStirred) this.#settled();
    } else if (now === this.#found || now === this.#known) {
      // Settled, or unchanged since a reload that failed.
      this.#settled();
      if (!this.#isClosed) await this.#changed();
    } else {
      this.#found = now;
      this.#stir();
    }
    this.#isLooking = false;
  }

  /** Sets the watches again: a folder of the same name may be another one by now. */
  #follow(): void {
    this.#unfollow();
    for (const folder of new Set(this.#paths.map((path) => dirname(path)))) {
      try {
        this.#watched.push(this.#watch(folder, () => this.#stir()));
        this.#unwatched.delete(folder);
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException;
        if (this.#unwatched.get(folder) === code) continue;
        this.#unwatched.set(folder, code);
        const seconds = lookMs / 1000;
        const text = `cannot watch ${folder}: its files are looked at every ${seconds} s`;
        this.#log.warn({ folder, code }, text);
      }
    }
  }

  #unfollow(): void {
    for (const end of this.#watched.splice(0)) end();
  }
}
