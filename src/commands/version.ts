/** `entropyctl version`: of this command and of the daemon that it talks to. */

import { version as own } from '../common/package.js';
import { printable } from '../common/terminal.js';
import { print, printJson } from './print.js';
import { asking, type SessionOptions } from './session.js';

/** Prints both. */
export async function version(options: SessionOptions): Promise<void> {
  const daemon = await asking(options, (client) => client.version());
  if (options.json) return printJson({ entropyctl: own, daemon });
  const { name, version: running, protocol } = daemon;
  await print(`entropyctl ${own}\n${printable(`${name} ${running}, protocol ${protocol}`)}`);
}
