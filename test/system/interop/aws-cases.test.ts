/** KMS GenerateRandom's answer to each kind of request, byte for byte, over TCP and the Unix socket. */
import t, { type Test } from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import { startGateway } from '../../../src/gateway/gateway.js';
import { call, failingSource, memoryLog } from '../../support/gateway.js';
import { signAws } from '../../support/signing/signed-calls.js';
import { goodKey, slowKey, writeKnownKeys } from './known-keys.js';
import { startRealPath } from './real-path.js';

const credentials = writeKnownKeys();
const minuteMs = 60_000;

type Headers = Record<string, string>;
type Where = { readonly port: number } | { readonly socketPath: string };

const body = '{"NumberOfBytes": 32}';
const key = { accessKey: goodKey.accessKeyId, secretKey: goodKey.secretAccessKey };

/** A request, correctly signed with its headers and body. */
const signed = (sent: string, headers: Headers = {}, signer: object = {}) => ({
  headers: signAws({ ...key, ...signer }, sent, headers),
  body: sent,
});

/** The valid request with its Authorization header changed. */
function authorized(change: (authorization: string) => string) {
  const { headers } = signed(body);
  return { headers: { ...headers, authorization: change(String(headers.authorization)) }, body };
}

function unauthorized(): { headers: Headers; body: string } {
  const { authorization: _, ...headers } = signed(body).headers;
  return { headers, body };
}

const error = (__type: string, message?: string | RegExp) =>
  message === undefined ? { __type } : { __type, message };
const range = (value: number, wanted: string) =>
  error(
    'ValidationException',
    `1 validation error detected: Value '${value}' at 'numberOfBytes' failed to satisfy constraint: Member must have value ${wanted}`,
  );
const serialization = (Message: string) => ({ __type: 'SerializationException', Message });
const required = error('ValidationException', 'NumberOfBytes is required.');
const mismatch = error(
  'InvalidSignatureException',
  /^The request signature we calculated does not match the signature you provided\./,
);
const bytes = (size: number) => ({ size });

const session = { sessionToken: 'session/token+==' };

const cases: readonly (readonly [
  rule: string,
  request: () => { headers: Headers; body: string },
  wanted:
    | { readonly size: number }
    | { readonly __type: string; readonly message?: string | RegExp; readonly Message?: string },
])[] = [
  ['a size', () => signed(body), bytes(32)],
  ['the smallest', () => signed('{"NumberOfBytes":1}'), bytes(1)],
  ['the largest', () => signed('{"NumberOfBytes":1024}'), bytes(1024)],
  ['no size', () => signed('{}'), required],
  ['null', () => signed('{"NumberOfBytes":null}'), required],
  ['zero', () => signed('{"NumberOfBytes":0}'), range(0, 'greater than or equal to 1')],
  ['below zero', () => signed('{"NumberOfBytes":-1}'), range(-1, 'greater than or equal to 1')],
  [
    'one too many',
    () => signed('{"NumberOfBytes":1025}'),
    range(1025, 'less than or equal to 1024'),
  ],
  [
    'a string',
    () => signed('{"NumberOfBytes":"32"}'),
    serialization('STRING_VALUE can not be converted to an Integer'),
  ],
  [
    'a boolean',
    () => signed('{"NumberOfBytes":true}'),
    serialization('TRUE_VALUE can not be converted to an Integer'),
  ],
  [
    'a list',
    () => signed('{"NumberOfBytes":[1]}'),
    serialization('Start of list found where not expected'),
  ],
  ['bad JSON', () => signed('{bad'), error('SerializationException')],
  ['an empty body', () => signed(''), error('SerializationException')],
  ['a scalar', () => signed('32'), error('SerializationException')],
  ['a list as body', () => signed('[]'), serialization('Start of list found where not expected')],
  [
    'a key store id that is a number, and a size that is too large',
    () => signed('{"NumberOfBytes":1025,"CustomKeyStoreId":1}'),
    serialization('NUMBER_VALUE can not be converted to a String'),
  ],
  [
    'a key store, and a size that is too large',
    () => signed('{"NumberOfBytes":1025,"CustomKeyStoreId":"cks-1"}'),
    range(1025, 'less than or equal to 1024'),
  ],
  ['an unknown member', () => signed('{"NumberOfBytes":8,"Colour":"red"}'), bytes(8)],
  [
    'an unknown operation',
    () => signed(body, { 'x-amz-target': 'TrentService.Nope' }),
    error('UnknownOperationException'),
  ],
  [
    'an operation that only the service has',
    () => signed(body, { 'x-amz-target': 'TrentService.Decrypt' }),
    error('UnknownOperationException', /^Only GenerateRandom is served here\. .* --upstream /),
  ],
  [
    'no Authorization',
    unauthorized,
    error('MissingAuthenticationTokenException', 'Missing Authentication Token'),
  ],
  [
    'only Signature missing',
    () => authorized((header) => header.replace(/, Signature=.*/, '')),
    error(
      'IncompleteSignatureException',
      /^Authorization header requires 'Signature' parameter\. Authorization=AWS4-HMAC-SHA256 Credential=[^']*$/,
    ),
  ],
  [
    'a space before the access key',
    () => authorized((header) => header.replace('Credential=', 'Credential= ')),
    error(
      'IncompleteSignatureException',
      /^'AKIDEXAMPLE\/\S+' not a valid key=value pair \(missing equal-sign\) in Authorization header: 'AWS4-HMAC-SHA256 Credential= .*'\.$/,
    ),
  ],
  ['an altered body', () => ({ ...signed(body), body: '{"NumberOfBytes": 33}' }), mismatch],
  ['another secret', () => signed(body, {}, { secretKey: 'x' }), mismatch],
  [
    'six minutes ago',
    () => signed(body, {}, { time: Date.now() - 6 * minuteMs }),
    error(
      'InvalidSignatureException',
      /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$/,
    ),
  ],
  [
    'six minutes ahead',
    () => signed(body, {}, { time: Date.now() + 6 * minuteMs }),
    error(
      'InvalidSignatureException',
      /^Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 5 min\.\)$/,
    ),
  ],
  ['four minutes ago', () => signed(body, {}, { time: Date.now() - 4 * minuteMs }), bytes(32)],
  ['four minutes ahead', () => signed(body, {}, { time: Date.now() + 4 * minuteMs }), bytes(32)],
  [
    'an unknown access key',
    () => signed(body, {}, { accessKey: 'AKIDUNKNOWN' }),
    error('UnrecognizedClientException', 'The security token included in the request is invalid.'),
  ],
  [
    'the scope of another service',
    () => authorized((header) => header.replace('/kms/', '/s3/')),
    error('InvalidSignatureException', "Credential should be scoped to correct service: 'kms'. "),
  ],
  [
    'a custom key store',
    () => signed('{"NumberOfBytes":32,"CustomKeyStoreId":"cks-1"}'),
    error('CustomKeyStoreNotFoundException'),
  ],
  [
    'a recipient',
    () =>
      signed('{"NumberOfBytes":32,"Recipient":{"KeyEncryptionAlgorithm":"RSAES_OAEP_SHA_256"}}'),
    error('UnsupportedOperationException', 'Recipient is not supported.'),
  ],
  [
    "the cloud's name as Host",
    () => signed(body, { host: 'kms.us-east-2.amazonaws.com' }),
    bytes(32),
  ],
  ['a temporary key', () => signed(body, {}, { accessKey: 'ASIDEXAMPLE', ...session }), bytes(32)],
  [
    'a session token that the key has not',
    () => signed(body, {}, session),
    error('UnrecognizedClientException', 'The security token included in the request is invalid.'),
  ],
];

/** Sends a request and checks what every answer has in common. @returns status and members */
async function ask(
  t: Test,
  name: string,
  where: Where,
  request: { headers: Headers; body: string },
) {
  const { status, headers, body } = await call({ ...where, method: 'POST', path: '/', ...request });
  t.match(
    headers,
    {
      'content-type': /^application\/x-amz-json-1\.1$/,
      'x-amzn-requestid': /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
      'cache-control': 'no-cache, no-store, must-revalidate, private',
      expires: '0',
      pragma: 'no-cache',
      'content-length': String(Buffer.byteLength(body)),
    },
    name,
  );
  const awayMs = Math.abs(Date.parse(String(headers.date)) - Date.now());
  t.ok(awayMs < minuteMs, `${name}: Date is ${headers.date}`);
  return { status, id: String(headers['x-amzn-requestid']), members: JSON.parse(body) };
}

t.test('every case is answered as the service answers it, on every listener', async (t) => {
  const { port, gatewaySocketPath: socketPath } = await startRealPath(t, { credentials });
  const ids = new Set<string>();
  for (const where of [{ port }, { socketPath }])
    for (const [rule, request, wanted] of cases) {
      const name = `${rule}, ${Object.keys(where)}`;
      const { status, id, members } = await ask(t, name, where, request());
      ids.add(id);
      if ('size' in wanted) {
        t.strictSame([status, Object.keys(members)], [200, ['Plaintext']], name);
        t.equal(Buffer.from(members.Plaintext, 'base64').length, wanted.size, name);
        continue;
      }
      t.equal(status, 400, name);
      t.strictSame(Object.keys(members), Object.keys(wanted), name);
      t.match(members, wanted, name);
      for (const key of ['message', 'Message'] as const)
        if (typeof wanted[key] === 'string') t.equal(members[key], wanted[key], name);
    }
  t.equal(ids.size, 2 * cases.length, 'each answer has an id of its own');
});

t.test(
  'a denied key reads why in `Message`; a key over its rate is told to slow down',
  async (t) => {
    const { port } = await startRealPath(t, { credentials });
    const denied = await ask(t, 'denied', { port }, signed(body, {}, { accessKey: 'DENIED' }));
    t.equal(denied.status, 400);
    t.strictSame(denied.members, {
      __type: 'AccessDeniedException',
      Message:
        'User: arn:aws:iam::000000000000:user/denied is not authorized to perform: kms:GenerateRandom on resource: * because no identity-based policy allows the kms:GenerateRandom action',
    });
    const slow = { accessKey: slowKey.accessKeyId };
    const answers = await Promise.all(
      Array.from({ length: 5 }, () => ask(t, 'slow', { port }, signed(body, {}, slow))),
    );
    const [served, refused] = [200, 400].map((wanted) =>
      answers.filter(({ status }) => status === wanted),
    );
    t.ok(served?.length && refused?.length, 'some are served, some refused');
    for (const { members } of refused ?? [])
      t.strictSame(members, {
        __type: 'ThrottlingException',
        message:
          'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
      });
  },
);

t.test(
  "failures of the generator and the daemon have the statuses of the SDK's model",
  async (t) => {
    for (const [code, status, __type] of [
      ['ERR_HEALTH', 500, 'KMSInternalException'],
      ['ERR_NOT_SEEDED', 503, 'DependencyTimeoutException'],
    ] as const) {
      const gateway = await startGateway({
        listen: ['127.0.0.1:0'],
        client: failingSource(new EntropyError(code, 'x')),
        dialect: 'otc',
        credentials,
        log: memoryLog(),
      });
      t.teardown(() => gateway.close());
      const port = Number(gateway.addresses[0]?.split(':')[1]);
      t.match(await ask(t, code, { port }, signed(body)), { status, members: { __type } });
    }
  },
);
