/** `npm start`: daemon and gateway on a private socket, with answers and how to get them. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { terminationSignal, UsageError } from '../common/program.js';
import { defaultGatewayAddress } from '../config/config.js';
import { loadConfig } from '../config/load.js';
import { startDaemon } from './daemon.js';
import { loadHardened } from './service.js';

/** Options of the quick start's command line. */
export interface QuickstartFlags {
  socket: string;
  listen: string;
}

/** Below the working directory: no other daemon uses this path, and nobody else gets in. */
export const quickstartSocket = '.entropyd/entropyd.sock';
export const quickstartAddress = defaultGatewayAddress;

/**
 * Shows that everything works, and serves until SIGINT or SIGTERM.
 * @throws UsageError, and EntropyError as `startDaemon`
 */
export async function quickstart({ socket, listen }: QuickstartFlags): Promise<void> {
  if (listen.startsWith('unix:'))
    throw new UsageError(`--listen: the quick start takes HOST:PORT only: ${listen}`);
  const ended = terminationSignal();
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 });
  const config = await loadConfig({ socket });
  const daemon = await startDaemon({ config, http: listen, addon: loadHardened() });
  try {
    await show(`http://${daemon.addresses[0]}`, socket);
    await ended;
  } finally {
    await daemon.close();
  }
}

/** Prints each API's response to its own sample, and the gateway's page of examples. */
async function show(url: string, socket: string): Promise<void> {
  const { apis } = await import('../apis/list.js');
  const responses: string[] = [];
  for (const { name, sample } of apis) {
    const { path, ...request } = sample;
    const response = await fetch(url + path, request);
    responses.push(`${name}: ${(await response.text()).trimEnd()}`);
  }
  const page = await (await fetch(`${url}/`, { headers: { Accept: 'text/plain' } })).text();
  console.log(`
${responses.join('\n')}

Call it:

${examplesOf(page)}

With entropyctl, over the Unix socket:
  node dist/entropyctl.js random 32 --socket ${socket}

Look at it: ${url}/

Serving until Ctrl-C.`);
}

/** The examples on the gateway's page: paragraphs with an indented command. */
function examplesOf(page: string): string {
  return page
    .split('\n\n')
    .filter((paragraph) => /\n {2}\S/.test(paragraph))
    .join('\n\n');
}
