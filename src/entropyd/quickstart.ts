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

/** A signature of valid form by nobody, which an open gateway accepts. */
const wellFormed =
  'AWS4-HMAC-SHA256 Credential=any/20260101/eu-central-1/kms/aws4_request, ' +
  `SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`;

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

/** Prints an answer of each KMS API, and the gateway's own page of examples. */
async function show(url: string, socket: string): Promise<void> {
  const aws = await post(
    `${url}/`,
    {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': 'TrentService.GenerateRandom',
      'X-Amz-Date': '20260101T000000Z',
      Authorization: wellFormed,
    },
    { NumberOfBytes: 32 },
  );
  const genRandom = await post(
    `${url}/v1.0/project/kms/gen-random`,
    { 'Content-Type': 'application/json', 'X-Auth-Token': 'any' },
    { random_data_length: '512' },
  );
  const page = await (await fetch(`${url}/`, { headers: { Accept: 'text/plain' } })).text();
  console.log(`
AWS KMS GenerateRandom:    ${aws}
Huawei and OTC gen-random: ${genRandom}

Call it:

${examplesOf(page)}

With entropyctl, over the Unix socket:
  node dist/entropyctl.js random 32 --socket ${socket}

Look at it: ${url}/

Serving until Ctrl-C.`);
}

/** Sends a request as any HTTP client would, and returns the body of the answer. */
async function post(url: string, headers: Record<string, string>, body: object): Promise<string> {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.text();
}

/** The examples on the gateway's page: paragraphs with an indented command. */
function examplesOf(page: string): string {
  return page
    .split('\n\n')
    .filter((paragraph) => /\n {2}\S/.test(paragraph))
    .join('\n\n');
}
