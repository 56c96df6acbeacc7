/** `npm start`: daemon and gateway on a private socket, one request of each format, then serving. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { terminationSignal, UsageError } from '../common/program.js';
import { defaultGatewayAddress, loadConfig } from '../config/config.js';
import { startDaemon } from './daemon.js';

export interface QuickstartOptions {
  socket: string;
  listen: string;
}

/** Below the working folder, so that nobody else's daemon is in the way and nobody else gets in. */
export const quickstartSocket = '.entropyd/entropyd.sock';
export const quickstartAddress = defaultGatewayAddress;

/** Shows the whole way at work and serves until Ctrl-C. */
export async function quickstart({ socket, listen }: QuickstartOptions): Promise<void> {
  if (listen.startsWith('unix:'))
    throw new UsageError(`--listen: the quick start takes HOST:PORT only: ${listen}`);
  const ended = terminationSignal();
  await mkdir(dirname(socket), { recursive: true, mode: 0o700 });
  const config = await loadConfig({ socket });
  const daemon = await startDaemon({ config, http: listen });
  try {
    await show(`http://${daemon.addresses[0]}`, socket);
    await ended;
  } finally {
    await daemon.close();
  }
}

/** Prints each API's response to its own sample, and the gateway's front page. */
async function show(url: string, socket: string): Promise<void> {
  const { apis } = await import('../apis/list.js');
  const answers: string[] = [];
  for (const { name, sample } of apis) {
    const { path, ...request } = sample;
    const response = await fetch(url + path, request);
    answers.push(`${name}: ${await response.text()}`);
  }
  const page = await fetch(`${url}/`, { headers: { accept: 'text/plain' } });
  console.log(`
${answers.join('\n')}

${await page.text()}
On this host, without HTTP:
  node dist/entropyctl.js random 32 --socket ${socket}

Look at it: ${url}/

Serving until Ctrl-C.`);
}
