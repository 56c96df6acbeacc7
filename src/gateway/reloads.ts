/**
 * Reloads of a gateway's files, one after the other: those that are asked for, and those of files that have
 * been renewed. Either takes all files over, or changes nothing and says why.
 */
import type { Logger } from '../apis/api.js';
import { errorCode } from '../common/errors.js';
import type { ConfiguredGateway } from './checked-configuration.js';
import { FileWatch, type FileWatchOptions } from './file-watch.js';

/** What reloads are made of. */
export interface ReloadsOptions extends Pick<FileWatchOptions, 'timer' | 'watch'> {
  readonly settings: Pick<ConfiguredGateway, 'credentials' | 'tls'>;
  /** Reads all files and puts them in force. @throws EntropyError if one is at fault; nothing has changed then */
  readonly load: () => Promise<void>;
  /** For the log: what is in force. */
  readonly counts: () => object | undefined;
  readonly log: Logger;
}

/** The reloads of one gateway, from its start to its end. */
export class Reloads {
  readonly #load: () => Promise<void>;
  readonly #counts: () => object | undefined;
  readonly #log: Logger;
  readonly #watch: FileWatch | undefined;
  #last = Promise.resolve();
  #fault: string | undefined;
  #isClosed = false;

  constructor({ settings, load, counts, log, timer, watch }: ReloadsOptions) {
    this.#load = load;
    this.#counts = counts;
    this.#log = log;
    const { credentials, tls } = settings;
    const paths = [credentials, tls?.certificate, tls?.key].filter((path) => path !== undefined);
    if (paths.length > 0)
      this.#watch = new FileWatch({
        ...{ paths, log, timer, watch },
        changed: () => this.#next(false),
      });
  }

  /** Call it before the gateway reads its files for the first time. */
  async mark(): Promise<void> {
    await this.#watch?.mark();
  }

  /** Watches from now on; call it once `load` may be called. */
  start(): void {
    this.#watch?.start();
  }

  /** Resolves when those that are due now are done. */
  get done(): Promise<void> {
    return this.#last;
  }

  /** Reloads after those that are due. Reports failures itself. */
  request(): Promise<void> {
    return this.#next(true);
  }

  /** Resolves when no reload is under way, and none will be. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#watch?.close();
    return this.#last;
  }

  #next(isAsked: boolean): Promise<void> {
    this.#last = this.#last.then(() => (this.#isClosed ? undefined : this.#reload(isAsked)));
    return this.#last;
  }

  async #reload(isAsked: boolean): Promise<void> {
    const isDue = await this.#watch?.mark();
    // A file's change may have been read by the reload before.
    if (!isAsked && !isDue) return;
    try {
      await this.#load();
      this.#fault = undefined;
      this.#log.info(this.#counts() ?? {}, 'gateway reloaded');
    } catch (error) {
      const { message } = error as Error;
      // A fault that stays is tried again, and not told again.
      if (isAsked || message !== this.#fault)
        this.#log.error({ code: errorCode(error) }, `gateway kept as it was: ${message}`);
      this.#fault = message;
      this.#watch?.unread();
    }
  }
}
