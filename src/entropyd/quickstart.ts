/** `npm start`: daemon and gateway on a private socket, with answers and how to get them. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { terminationSignal, UsageError } from '../common/program.js';
import { defaultGatewayAddress, type dialects } from '../config/config.js';
import { loadConfig } from '../config/load.js';
import { startDaemon } from './daemon.js';
import { loadHardened } from './service.js';

/** Options of the quick start's command line. */
export interface QuickstartFlags {
  socket: string;
  listen: string;
  dialect?: (typeof dialects)[number];
  /** Whether other hosts may ask, and use an upstream. */
  insecureNetwork?: boolean;
  upstream?: string;
  pageHosts?: readonly string[];
}

/** Below the working directory: no other daemon uses this path, and nobody else gets in. */
export const quickstartSocket = '.entropyd/entropyd.sock';
export const quickstartAddress = defaultGatewayAddress;

/**
 * Shows that everything works, and serves until SIGINT or SIGTERM.
 * @throws UsageError, and EntropyError as `startDaemon`
 */
export async function quickstart({
  socket,
  listen,
  insecureNetwork = false,
  ...flags
}: QuickstartFlags): Promise<void> {
  if (listen.startsWith('unix:'))
    throw new UsageError(`--listen: the quick start takes HOST:PORT only: ${listen}`);
  const ended = terminationSignal();
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 });
  const config = await loadConfig({ socket });
  const gateway = { ...flags, insecureNetwork, hostOnly: !insecureNetwork };
  const daemon = await startDaemon({ config, http: listen, gateway, addon: loadHardened() });
  try {
    await show(`http://${reachable(daemon.addresses[0] ?? listen)}`, socket);
    await ended;
  } finally {
    await daemon.close();
  }
}

/** An address that a client on this host can use: a wildcard is none (RFC 1122 3.2.1.3). */
function reachable(address: string): string {
  return address.replace(/^(0\.0\.0\.0|\[::\]):/, 'localhost:');
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
  ${entropyctl()} random 32 --socket ${socket}

Look at it: ${url}/

Serving until Ctrl-C.`);
}

/** The command beside this program: on the PATH where it is installed, else the checkout's. */
function entropyctl(): string {
  const here = 'dist/entropyctl.js';
  return existsSync(here) ? `node ${here}` : 'entropyctl';
}

/** The examples on the gateway's page: paragraphs with an indented command. */
function examplesOf(page: string): string {
  return page
    .split('\n\n')
    .filter((paragraph) => /\n {2}\S/.test(paragraph))
    .join('\n\n');
}
