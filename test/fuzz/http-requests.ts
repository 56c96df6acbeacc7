/** Requests to the gateway whose answer is known, one group for each API, and damaged copies. */
import { createHash, createHmac } from 'node:crypto';
import aws4 from 'aws4';
import type { Encoding, Responder } from './http-oracle.js';
import type { Prng } from './prng.js';

/** The client of a gateway with credentials. An open gateway accepts it like anybody. */
export const known = {
  accessKeyId: 'AKIDFUZZ',
  secretAccessKey: 'fuzz secret',
  token: 'fuzz-token',
};

/** The credentials file that has them. */
export const credentialsFile = `[[key]]
name = "key"
access_key = "${known.accessKeyId}"
secret_key = "${known.secretAccessKey}"
[[token]]
name = "token"
token = "${known.token}"
`;

export interface KnownRequest {
  readonly bytes: Buffer;
  /** Who must answer. */
  readonly responder: Responder;
  readonly status: number;
  /** Random bytes of the answer. */
  readonly size: number | undefined;
  readonly encoding: Encoding;
  /** HEAD: the answer ends with its head. */
  readonly bodiless: boolean;
}

export type Field = readonly [name: string, value: string];

export const genRandomPath = '/v1.0/project/kms/gen-random';
const genRandomBody = '{"random_data_length":"512"}';
const genRandomSize = 64;

/** docs/clients.md, Vault and OpenBao. */
export const vaultPaths: readonly string[] = ['/v1/sys/tools/random', '/v1/transit/random'];
const maxVaultSize = 131_072;

export const host: Field = ['Host', 'localhost'];

/** Fields that determine where a body ends. */
export const framing = /^(content-length|transfer-encoding)$/i;

/**
 * The bytes of a request.
 * @param fields characters are bytes (latin1); a body gets a Content-Length unless they frame it
 */
export function compose(
  method: string,
  target: string,
  fields: readonly Field[],
  body = '',
): Buffer {
  const payload = Buffer.from(body);
  const framed = payload.length === 0 || fields.some(([name]) => framing.test(name));
  const all = framed ? fields : [...fields, ['Content-Length', `${payload.length}`]];
  const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([
    Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1'),
    payload,
  ]);
}

/** A request that gets random bytes. */
function served(
  responder: Responder,
  size: number,
  encoding: Encoding,
  ...request: Parameters<typeof compose>
): KnownRequest {
  return { bytes: compose(...request), responder, status: 200, size, encoding, bodiless: false };
}

/** A request that gets none. */
function other(
  responder: Responder,
  status: number,
  ...request: Parameters<typeof compose>
): KnownRequest {
  const bodiless = request[0] === 'HEAD';
  const bytes = compose(...request);
  return { bytes, responder, status, size: undefined, encoding: 'base64', bodiless };
}

/** Header fields of a GenerateRandom request, signed by `known`. */
export function signedFields(body: string): Field[] {
  const { headers } = aws4.sign(
    {
      service: 'kms',
      extraHeadersToIgnore: { 'content-length': true }, // chunked bodies have none
      region: 'eu-central-1',
      host: 'localhost',
      path: '/',
      body,
      headers: {
        'Content-Type': 'application/x-amz-json-1.1',
        'X-Amz-Target': 'TrentService.GenerateRandom',
      },
    } as aws4.Request, // @types/aws4 lacks extraHeadersToIgnore
    known,
  );
  return Object.entries(headers ?? {}).map(([name, value]) => [name, `${value}`]);
}

/** Header fields of a gen-random request, signed by `known` with SDK-HMAC-SHA256. */
export function hmacFields(body: string): Field[] {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const lines = `POST\n${genRandomPath}/\n\nhost:localhost\nx-sdk-date:${date}\n\nhost;x-sdk-date\n`;
  const toSign = `SDK-HMAC-SHA256\n${date}\n${hash(lines + hash(body))}`;
  const signature = createHmac('sha256', known.secretAccessKey).update(toSign).digest('hex');
  return [
    host,
    ['X-Sdk-Date', date],
    [
      'Authorization',
      `SDK-HMAC-SHA256 Access=${known.accessKeyId}, SignedHeaders=host;x-sdk-date, Signature=${signature}`,
    ],
  ];
}

/** The two ways to send Vault's token. */
const vaultTokens: readonly Field[] = [
  ['X-Vault-Token', known.token],
  ['Authorization', `Bearer ${known.token}`],
];

/** AWS KMS: a signed request. */
export function signedRequest(prng: Prng): KnownRequest {
  const size = prng.between(1, 1024);
  const body = `{"NumberOfBytes":${size}}`;
  return served('aws-kms', size, 'base64', 'POST', '/', signedFields(body), body);
}

/** AWS KMS: a signed request in chunks, which the signature does not cover. */
function chunkedRequest(prng: Prng): KnownRequest {
  const size = prng.between(1, 1024);
  const body = `{"NumberOfBytes":${size}}`;
  const fields = signedFields(body).filter(([name]) => name !== 'Content-Length');
  let framed = '';
  for (let at = 0, chunk = ''; at < body.length; at += chunk.length) {
    chunk = body.slice(at, at + prng.between(1, 8));
    framed += `${chunk.length.toString(16)}${prng.pick(['', ';a=b', ';x'])}\r\n${chunk}\r\n`;
  }
  framed += `0\r\n${prng.pick(['', 'X-Trailer: 1\r\n'])}\r\n`;
  const chunked: Field[] = [...fields, ['Transfer-Encoding', 'chunked']];
  return served('aws-kms', size, 'base64', 'POST', '/', chunked, framed);
}

function genRandomRequest(fields: readonly Field[]): KnownRequest {
  const request = ['POST', genRandomPath, fields, genRandomBody] as const;
  return served('huawei-kms', genRandomSize, 'hex', ...request);
}

/** Vault: the count in the path, in the body or in both, and then the path's wins. */
function vaultRequest(prng: Prng): KnownRequest {
  const size = prng.chance(0.1) ? prng.between(1, maxVaultSize) : prng.between(1, 1024);
  const encoding = prng.pick(['base64', 'hex'] as const);
  const source = prng.pick(['', '/platform', '/seal', '/all']);
  const inPath = prng.chance(0.5);
  const bytes = inPath ? prng.pick([undefined, 7]) : prng.pick([size, `${size}`]);
  const format = encoding === 'hex' || prng.chance(0.5) ? encoding : undefined;
  const body = JSON.stringify({ bytes, format });
  const path = `${prng.pick(vaultPaths)}${source}${inPath ? `/${size}` : ''}`;
  const fields = [host, prng.pick(vaultTokens)];
  const method = prng.pick(['POST', 'PUT']);
  return served('vault', size, encoding, method, path, fields, body === '{}' ? '' : body);
}

/** Vault: what is refused, with the status of docs/clients.md. */
function vaultRefusal(prng: Prng): KnownRequest {
  const path = prng.pick(vaultPaths);
  const fields = [host, prng.pick(vaultTokens)];
  return prng.pick([
    () => other('vault', 404, 'PUT', '/v1/secret/data/x', fields, '{}'),
    () => other('vault', 405, 'GET', path, fields),
    () => other('vault', 403, 'POST', path, [host]),
    () => other('vault', 400, 'POST', `${path}/0`, fields),
    () => other('vault', 400, 'POST', path, fields, `{"bytes":${maxVaultSize + 1}}`),
    () => other('vault', 400, 'POST', path, fields, '{"format":"octal"}'),
    () => other('vault', 400, 'POST', path, [...fields, ['X-Vault-Wrap-TTL', '60']]),
  ])();
}

/** Requests whose answer is known. */
export const goodRequests: readonly ((prng: Prng) => KnownRequest)[] = [
  signedRequest,
  signedRequest,
  chunkedRequest,
  () => other('aws-kms', 400, 'POST', '/', signedFields('{}'), '{}'),
  () => genRandomRequest(hmacFields(genRandomBody)),
  () => genRandomRequest([host, ['X-Auth-Token', known.token]]),
  () => other('huawei-kms', 405, 'GET', genRandomPath, [host]),
  () => other('huawei-kms', 404, 'PUT', '/nothing', [host], '{}'),
  vaultRequest,
  vaultRequest,
  vaultRefusal,
  () => other('pages', 200, 'GET', '/healthz', [host]),
  () => other('pages', 200, 'HEAD', '/metrics', [host]),
];

/** Requests that prove who sends them, each with the parts that the proof depends on. */
const proofs: readonly (readonly [
  make: (prng: Prng) => KnownRequest,
  parts: readonly (readonly [mark: string, size: number])[],
])[] = [
  [
    signedRequest,
    [
      ['Signature=', 64],
      ['Credential=', 30],
      ['TrentService.', 14],
      ['\r\n\r\n', 19],
    ],
  ],
  [
    () => genRandomRequest(hmacFields(genRandomBody)),
    [
      ['Signature=', 64],
      ['Access=', known.accessKeyId.length],
      ['\r\n\r\n', genRandomBody.length],
    ],
  ],
  [
    () => genRandomRequest([host, ['X-Auth-Token', known.token]]),
    [['X-Auth-Token: ', known.token.length]],
  ],
  ...vaultTokens.map(([name, value]) => {
    const make = () =>
      served('vault', 32, 'base64', 'POST', '/v1/transit/random', [host, [name, value]]);
    const mark = `${name}: ${value.slice(0, -known.token.length)}`;
    return [make, [[mark, known.token.length] as const]] as const;
  }),
];

/** A request with one bit changed: of its proof, or of what the proof covers. */
export function changedRequest(prng: Prng): KnownRequest {
  const [make, parts] = prng.pick(proofs);
  const request = make(prng);
  const { bytes } = request;
  const [mark, size] = prng.pick(parts);
  const at = bytes.indexOf(mark) + mark.length + prng.below(size);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return request;
}
