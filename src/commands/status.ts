/** `entropyctl status`: the whole picture of the daemon, once or again and again. */

import { UsageError } from '../common/program.js';
import { paintFor } from '../common/terminal.js';
import { render } from './lines.js';
import { print, printJson } from './print.js';
import { asking, type SessionOptions } from './session.js';
import { picture } from './status-picture.js';
import { watch } from './watch.js';

export interface StatusCommandOptions extends SessionOptions {
  watch?: boolean;
  /** Seconds between samples, with `watch`. */
  interval?: number;
}

/** Seconds. */
const defaultInterval = 2;

/** Prints the status; with `watch` until it is ended. */
export async function status(options: StatusCommandOptions): Promise<void> {
  const { interval, json = false } = options;
  if (options.watch) return watch({ ...options, interval: interval ?? defaultInterval });
  if (interval !== undefined)
    throw new UsageError('--interval: it is for --watch, which is not there');
  const current = await asking(options, (client) => client.status());
  if (json) return printJson(current);
  const paint = paintFor(process.stdout);
  await print(
    picture(current)
      .map((line) => render(line, paint))
      .join('\n'),
  );
}
