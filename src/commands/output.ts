/** What commands write into, whatever it is. */

/** Takes bytes, one write after another. */
export interface Output {
  /** @returns when `data` may be used again */
  write(data: string | Uint8Array): Promise<void>;
  /** That was all: makes it last. */
  finish(): Promise<void>;
  /** Ends it where it is not finished. A file is then as it was, at once, also while the process ends. */
  discard(): void;
}
