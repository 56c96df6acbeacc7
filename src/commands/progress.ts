/** The progress bar of long work, where somebody looks at a terminal. */

/** Made by `showProgress`. */
export interface Progress {
  /** So many bytes more are done. */
  advance(size: number): void;
  /** Gives the terminal back. */
  stop(): void;
}

const mebibyte = 1024 * 1024;

/** Below this it would only flicker. */
const shownFrom = 64 * mebibyte;

const none: Progress = { advance() {}, stop() {} };

/**
 * Shows a bar on standard error if it is a terminal and the work is long.
 * @param size bytes in all
 */
export async function showProgress(size: number): Promise<Progress> {
  if (size < shownFrom || !process.stderr.isTTY) return none;
  const { SingleBar } = await import('cli-progress');
  const bar = new SingleBar({
    format: '{bar} {percentage} % | {value} of {total} MiB | {eta_formatted}',
  });
  bar.start(Math.ceil(size / mebibyte), 0);
  let done = 0;
  const stop = () => {
    process.off('exit', stop);
    bar.stop();
  };
  // A signal may end it; the bar has turned the terminal's line wrap off.
  process.once('exit', stop);
  return {
    advance(more) {
      done += more;
      bar.update(Math.floor(done / mebibyte));
    },
    stop,
  };
}
