/** Odd requests to the gateway: arbitrary combinations of methods, targets, header fields and bodies. */
import { type Responder, responderOf } from './http-oracle.js';
import {
  compose,
  type Field,
  framing,
  genRandomPath,
  hmacFields,
  host,
  known,
  signedFields,
  vaultPaths,
} from './http-requests.js';
import type { Prng } from './prng.js';

const methods: readonly string[] =
  'POST GET PUT DELETE HEAD OPTIONS PATCH TRACE PROPFIND M-SEARCH CONNECT'.split(' ');
const targets: readonly string[] = [
  ...'/ * // /? /# /% /%00 /healthz /metrics?x /__proto__ http://localhost/'.split(' '),
  ...[genRandomPath, `${genRandomPath}/`, '/v1.0//kms/gen-random', '/v1.0/%2e%2e/kms/gen-random'],
  ...[`/${'a'.repeat(4000)}`, `/?${'a=b&'.repeat(1000)}`],
  ...['/v1', '/v1/', '/v1/sys/health', '/v1/__proto__', '/page/', '/status', ...vaultPaths],
  ...[
    '8',
    '010',
    '-1',
    'all',
    'seal/8',
    'none/8',
    '8/all',
    '%38',
    '9'.repeat(400),
    '',
    '8/8/8',
  ].map((rest) => `/v1/sys/tools/random/${rest}`),
  '/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Date=x&X-Amz-SignedHeaders=host',
];

const nested = (depth: number, open: string, close: string) =>
  open.repeat(depth) + close.repeat(depth);
const bodies: readonly string[] = [
  ...['', '{}', '[]', 'null', '32', '"x"', '{bad', '\ufeff{}', '{"":1}', '{"a":"\\ud800"}'],
  ...'1e400 -1e400 -0 0.5 9007199254740993 1e-400 "32" {} [[1]] true 1025'
    .split(' ')
    .map((value) => `{"NumberOfBytes":${value}}`),
  ...['"8"', '8', '1e999', '"1e3"', '[]', '{"toString":1}', '"\u0661"', `"${'9'.repeat(400)}"`].map(
    (value) => `{"random_data_length":${value},"sequence":${value}}`,
  ),
  ...'131073 -1 "8" "08" null [] {} 1e999 true'
    .split(' ')
    .flatMap((value) => [`{"bytes":${value}}`, `{"format":${value},"source":${value},"x":1}`]),
  '{"__proto__":{"NumberOfBytes":32}}',
  '{"constructor":{"prototype":{"NumberOfBytes":32}},"NumberOfBytes":null}',
  '{"NumberOfBytes":32,"NumberOfBytes":-1}',
  '{"NumberOfBytes":32,"Recipient":{},"CustomKeyStoreId":[]}',
  nested(20_000, '[', ']'),
  `{"NumberOfBytes":${nested(5000, '{"a":', '')}`,
  `{"NumberOfBytes":${'1'.repeat(10_000)}}`,
];

/** Names with values of little meaning. Such fields replace, repeat or join those of a request. */
const oddFields: readonly (readonly [name: string, ...values: string[]])[] = [
  ['Authorization', '', 'AWS4-', 'AWS4-HMAC-SHA256 =,=,', 'SDK-HMAC-SHA256 Access=,,Access='],
  [
    'Authorization',
    `AWS4-HMAC-SHA256 ${'a=b,'.repeat(2000)}`,
    `SDK-HMAC-SHA256 ${'a '.repeat(4000)}`,
  ],
  ['Authorization', `Bearer ${known.token}`, 'Bearer', 'Bearer x'],
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
  ['X-Vault-Token', known.token, '', 'x', '\xff\xfe', 'x'.repeat(4000)],
  ['X-Vault-Wrap-TTL', '0', '60', ''],
  ['X-Vault-Namespace', 'x', ''],
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

/** Whose fields an odd request starts from. */
const bases: readonly ((body: string) => Field[])[] = [
  signedFields,
  hmacFields,
  () => [host],
  () => [host, ['X-Vault-Token', known.token]],
];

export interface OddRequest {
  readonly bytes: Buffer;
  /** Whether an answer must come: no field contradicts the length of the body. */
  readonly whole: boolean;
  /** Who must answer; undefined if that is open. */
  readonly responder: Responder | undefined;
}

/** A request whose answer is not known, only its form. */
export function oddRequest(prng: Prng): OddRequest {
  const body = prng.chance(0.3)
    ? '{"NumberOfBytes":8}'
    : prng.chance(0.02)
      ? 'x'.repeat(600_000)
      : prng.pick(bodies);
  let fields = prng.pick(bases)(body);
  let whole = true;
  for (let left = prng.below(4); left > 0; left--) {
    const [name, ...values] = prng.pick(oddFields);
    const field: Field = [name, prng.pick(values)];
    if (framing.test(name)) whole = false;
    if (prng.chance(0.5))
      fields = fields.filter(([other]) => other.toLowerCase() !== name.toLowerCase());
    if (prng.chance(0.9)) {
      const copies = new Array<Field>(prng.between(1, 2)).fill(field);
      fields.splice(prng.below(fields.length + 1), 0, ...copies);
    }
  }
  if (prng.chance(0.02))
    fields.push(...Array.from({ length: prng.between(1, 3000) }, (_, i): Field => [`x${i}`, '']));
  const [method, target] = [prng.pick(methods), prng.pick(targets)];
  const names = fields.map(([name]) => name);
  return {
    bytes: compose(method, target, fields, body),
    whole,
    responder: whole ? responderOf(method, target, names) : undefined,
  };
}
