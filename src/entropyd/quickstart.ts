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

/** A signature as an open gateway takes it: of a form that can be read, by nobody. */
const wellFormed =
  'AWS4-HMAC-SHA256 Credential=any/20260101/eu-central-1/kms/aws4_request, ' +
  `SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`;

/** Asks the gateway as any HTTP client would: the answer's body. */
async function post(url: string, headers: Record<string, string>, body: object): Promise<string> {
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return response.text();
}

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

/** Prints an answer of each API, and how to call them. */
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
  console.log(`
AWS KMS GenerateRandom:    ${aws}
Huawei and OTC gen-random: ${genRandom}

Call it:
  AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any aws kms generate-random --number-of-bytes 32 --region eu-central-1 --endpoint-url ${url}
  curl -H 'X-Auth-Token: any' -d '{"random_data_length":"512"}' ${url}/v1.0/project/kms/gen-random
  node dist/entropyctl.js random 32 --socket ${socket}

Look at it: ${url}/

Serving until Ctrl-C.`);
}
