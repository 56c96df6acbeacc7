/** `entropyctl metrics`: the metrics page, also as a file for node_exporter's textfile collector. */
import { print, printJson } from './print.js';
import { asking, type SessionOptions } from './session.js';
import { writing } from './writing.js';

export interface MetricsCommandOptions extends SessionOptions {
  /** A file that is replaced as a whole. */
  textfile?: string;
}

/** The collector runs as another user. */
const fileOptions = { mode: 0o644, keepsMode: false };

/** Prints the page, or writes it into the file. */
export async function metrics(options: MetricsCommandOptions): Promise<void> {
  const { textfile, json } = options;
  const page = await asking(options, (client) => client.metrics());
  if (textfile !== undefined) {
    await writing(textfile, (write) => write(page), fileOptions);
    if (json) await printJson({ textfile, size: Buffer.byteLength(page) });
  } else if (json) await printJson({ page });
  else await print(page.trimEnd());
}
