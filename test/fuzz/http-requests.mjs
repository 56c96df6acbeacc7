/** Requests for the gateway: good ones with the answer that is due, odd ones, and damaged ones. */
import { createHash, createHmac } from 'node:crypto';
import aws4 from 'aws4';
import { mutate } from './mutations.mjs';
import { weighted } from './prng.mjs';

/** Who is known to a gateway with credentials; an open one takes them like anybody. */
const known = {
  accessKeyId: 'AKIDFUZZ',
  secretAccessKey: 'fuzz secret',
  token: 'fuzz-token',
};

/** The file that names them. */
export const credentialsFile = `[[key]]
name = "key"
access_key = "${known.accessKeyId}"
secret_key = "${known.secretAccessKey}"
[[token]]
name = "token"
token = "${known.token}"
`;

/**
 * @typedef {object} Request
 * @property {Buffer} bytes
 * @property {number} status that is due
 * @property {number | undefined} size random bytes of the answer
 * @property {boolean} bodiless HEAD: the answer ends with its head
 */

const genRandomPath = '/v1.0/project/kms/gen-random';
const genRandomBody = '{"random_data_length":"512"}';
const host = ['Host', 'localhost'];

/** Fields that say where a body ends. */
const framing = /^(content-length|transfer-encoding)$/i;

/** Characters of a head are bytes; a body gets its length unless a field says it. */
function compose(method, target, fields, body = '') {
  const payload = Buffer.from(body);
  const framed = payload.length === 0 || fields.some(([name]) => framing.test(name));
  const all = framed ? fields : [...fields, ['Content-Length', payload.length]];
  const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([
    Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1'),
    payload,
  ]);
}

const request = (status, size, method, ...rest) => ({
  bytes: compose(method, ...rest),
  status,
  size,
  bodiless: method === 'HEAD',
});

/** Header fields of a request that `known` signs for KMS. */
function signedFields(body) {
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
    },
    known,
  );
  return Object.entries(headers);
}

/** SDK-HMAC-SHA256. */
function hmacFields(body) {
  const hash = (text) => createHash('sha256').update(text).digest('hex');
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const lines = `POST\n${genRandomPath}/\n\nhost:localhost\nx-sdk-date:${date}\n\nhost;x-sdk-date\n`;
  const toSign = `SDK-HMAC-SHA256\n${date}\n${hash(lines + hash(body))}`;
  const signature = createHmac('sha256', known.secretAccessKey).update(toSign).digest('hex');
  return [
    ['Host', 'localhost'],
    ['X-Sdk-Date', date],
    [
      'Authorization',
      `SDK-HMAC-SHA256 Access=${known.accessKeyId}, SignedHeaders=host;x-sdk-date, Signature=${signature}`,
    ],
  ];
}

/** A signed request with the size that it asks for. */
function signedRequest(prng) {
  const size = prng.between(1, 1024);
  const body = `{"NumberOfBytes":${size}}`;
  return request(200, size, 'POST', '/', signedFields(body), body);
}

const goodRequests = [
  signedRequest,
  signedRequest,
  () => request(200, 64, 'POST', genRandomPath, hmacFields(genRandomBody), genRandomBody),
  () =>
    request(200, 64, 'POST', genRandomPath, [host, ['X-Auth-Token', known.token]], genRandomBody),
  () => request(200, undefined, 'GET', '/healthz', [host]),
  () => request(200, undefined, 'HEAD', '/metrics', [host]),
  () => request(404, undefined, 'PUT', '/nothing', [host], '{}'),
  () => request(405, undefined, 'GET', genRandomPath, [host]),
  () => request(400, undefined, 'POST', '/', signedFields('{}'), '{}'),
  chunkedRequest,
];

/** The body of a signed request in chunks, of which its signature knows nothing. */
function chunkedRequest(prng) {
  const size = prng.between(1, 1024);
  const body = `{"NumberOfBytes":${size}}`;
  const headers = signedFields(body).filter(([name]) => name !== 'Content-Length');
  let framed = '';
  for (let at = 0, chunk = ''; at < body.length; at += chunk.length) {
    chunk = body.slice(at, at + prng.between(1, 8));
    framed += `${chunk.length.toString(16)}${prng.pick(['', ';a=b', ';x'])}\r\n${chunk}\r\n`;
  }
  framed += `0\r\n${prng.pick(['', 'X-Trailer: 1\r\n'])}\r\n`;
  return request(200, size, 'POST', '/', [...headers, ['Transfer-Encoding', 'chunked']], framed);
}

const methods = 'POST GET PUT DELETE HEAD OPTIONS PATCH TRACE PROPFIND M-SEARCH CONNECT'.split(' ');
const targets = [
  ...'/ * // /? /# /% /%00 /healthz /metrics?x /__proto__ http://localhost/'.split(' '),
  ...[genRandomPath, `${genRandomPath}/`, '/v1.0//kms/gen-random', '/v1.0/%2e%2e/kms/gen-random'],
  ...[`/${'a'.repeat(4000)}`, `/?${'a=b&'.repeat(1000)}`],
  '/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Date=x&X-Amz-SignedHeaders=host',
];

const nested = (depth, open, close) => open.repeat(depth) + close.repeat(depth);
const bodies = [
  ...['', '{}', '[]', 'null', '32', '"x"', '{bad', '\ufeff{}', '{"":1}', '{"a":"\\ud800"}'],
  ...'1e400 -1e400 -0 0.5 9007199254740993 1e-400 "32" {} [[1]] true 1025'
    .split(' ')
    .map((value) => `{"NumberOfBytes":${value}}`),
  ...['"8"', '8', '1e999', '"1e3"', '[]', '{"toString":1}', '"\u0661"', `"${'9'.repeat(400)}"`].map(
    (value) => `{"random_data_length":${value},"sequence":${value}}`,
  ),
  '{"__proto__":{"NumberOfBytes":32}}',
  '{"constructor":{"prototype":{"NumberOfBytes":32}},"NumberOfBytes":null}',
  '{"NumberOfBytes":32,"NumberOfBytes":-1}',
  '{"NumberOfBytes":32,"Recipient":{},"CustomKeyStoreId":[]}',
  nested(20_000, '[', ']'),
  `{"NumberOfBytes":${nested(5000, '{"a":', '')}`,
  `{"NumberOfBytes":${'1'.repeat(10_000)}}`,
];

/** Fields with values that mean little; they replace, repeat or join those that there are. */
const oddFields = [
  ['Authorization', '', 'AWS4-', 'AWS4-HMAC-SHA256 =,=,', 'SDK-HMAC-SHA256 Access=,,Access='],
  [
    'Authorization',
    `AWS4-HMAC-SHA256 ${'a=b,'.repeat(2000)}`,
    `SDK-HMAC-SHA256 ${'a '.repeat(4000)}`,
  ],
  [
    'Authorization',
    'AWS4-HMAC-SHA256 Credential=a/20260101/r/kms/aws4_request, SignedHeaders=host, Signature=zz',
  ],
  [
    'X-Amz-Target',
    'TrentService.GenerateRandom',
    'TrentService.Nope',
    'TrentService.__proto__',
    '',
  ],
  ['X-Amz-Date', '20260101T000000Z', '99999999T999999Z', '', 'x'],
  ['X-Sdk-Date', '20260101T000000Z', ''],
  ['Date', 'Thu, 01 Jan 1970 00:00:00 GMT', 'x'],
  ['X-Amz-Content-Sha256', 'UNSIGNED-PAYLOAD', ''],
  ['X-Amz-Security-Token', 'x', ''],
  ['X-Auth-Token', '', 'x', '\xff\xfe', 'x'.repeat(4000)],
  ['Content-Type', 'application/x-amz-json-1.1', 'APPLICATION/X-AMZ-JSON-1.1 ; a', 'text/html', ''],
  ['Content-Length', '0', '1', '-1', '600000', '99999999999999999999', '0x10', '1, 1'],
  ['Transfer-Encoding', 'chunked', 'gzip, chunked', 'identity', 'x'],
  ['Host', '', 'evil.example', '[::1]:1', '[', 'a:b:c', '\xff'],
  ['Expect', '100-continue', 'x'],
  ['Origin', 'http://evil.example'],
  ['Sec-Fetch-Site', 'cross-site', 'none'],
  ['Upgrade', 'h2c', 'websocket'],
  ['Connection', 'keep-alive', 'upgrade', 'close'],
  ['__proto__', 'x'],
  ['constructor', 'x'],
  ['X-Odd', '\x80\xff', ' \t ', 'a'.repeat(8000), 'a'.repeat(20_000), '\0', 'a\rb'],
];

/** A request of which nobody knows the answer; `whole`: there is one, for its length is as it says. */
function oddRequest(prng) {
  const body = prng.chance(0.3)
    ? '{"NumberOfBytes":8}'
    : prng.chance(0.02)
      ? 'x'.repeat(600_000)
      : prng.pick(bodies);
  let fields = prng.pick([signedFields, hmacFields, () => [host]])(body);
  let whole = true;
  for (let left = prng.below(4); left > 0; left--) {
    const [name, ...values] = prng.pick(oddFields);
    const field = [name, prng.pick(values)];
    if (framing.test(name)) whole = false;
    if (prng.chance(0.5))
      fields = fields.filter(([other]) => other.toLowerCase() !== name.toLowerCase());
    if (prng.chance(0.9))
      fields.splice(prng.below(fields.length + 1), 0, ...Array(prng.between(1, 2)).fill(field));
  }
  if (prng.chance(0.02))
    fields.push(...Array.from({ length: prng.between(1, 3000) }, (_, i) => [`x${i}`, '']));
  return { whole, bytes: compose(prng.pick(methods), prng.pick(targets), fields, body) };
}

/** A signed request with one bit changed: of its signature, or of what is signed. */
function changedRequest(prng) {
  const { bytes } = signedRequest(prng);
  const marks = [
    ['Signature=', 64],
    ['Credential=', 30],
    ['TrentService.', 14],
    ['\r\n\r\n', 19],
  ];
  const [mark, size] = prng.pick(marks);
  bytes[bytes.indexOf(mark) + mark.length + prng.below(size)] ^= 1;
  return bytes;
}

const tailOf = weighted([
  [1, 'none'],
  [4, 'odd'],
  [2, 'changed'],
  [4, 'damaged'],
  [1, 'cut'],
  [1, 'noise'],
]);

/**
 * What one connection sends: good requests, the first of them signed, and a tail of anything.
 * @returns `good`, {@link Request}s; `tail`, its kind; `due`, answers that must come, at least; `bytes`
 *   of all
 */
export function conversation(prng) {
  const good = [signedRequest(prng)];
  while (prng.chance(0.6)) good.push(prng.pick(goodRequests)(prng));
  const tail = tailOf(prng);
  const another = () => prng.pick(goodRequests)(prng).bytes;
  const makers = {
    none: () => ({ bytes: Buffer.alloc(0) }),
    odd: () => oddRequest(prng),
    changed: () => ({ bytes: changedRequest(prng), whole: true }),
    damaged: () => ({ bytes: mutate(Buffer.concat([another(), another()]), prng) }),
    cut: () => ({ bytes: another().subarray(0, -1 - prng.below(20)) }),
    noise: () => ({ bytes: prng.bytes(prng.between(1, 200)) }),
  };
  const { bytes, whole } = makers[tail]();
  return {
    good,
    tail,
    due: good.length + (whole ? 1 : 0),
    bytes: Buffer.concat([...good.map((each) => each.bytes), bytes]),
  };
}
