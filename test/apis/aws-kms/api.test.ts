import { Readable } from 'node:stream';
import t from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import { awsKms, createAwsKms } from '../../../src/apis/aws-kms/api.js';
import { checkClaims, outcomeOf } from '../../support/claims.js';
import { accessOf, signerOf } from '../../support/credentials.js';
import { answerOf, apiRequest, fakeSource, memoryLog, openAccess } from '../../support/gateway.js';
import {
  signAws,
  awsRequest as signedRequest,
  unverifiable,
} from '../../support/signing/signed-calls.js';

const awsJson = 'application/x-amz-json-1.1';
const target = 'TrentService.GenerateRandom';
const responseHeaders = {
  'Content-Type': awsJson,
  'x-amzn-RequestId': 'id-1',
  'Cache-Control': 'no-cache, no-store, must-revalidate, private',
  Expires: '0',
  Pragma: 'no-cache',
};

/** A request as an SDK sends it, but for what is given. */
const awsRequest = (body: string, overrides: Partial<ApiRequest> = {}) =>
  apiRequest({ headers: unverifiable, body: Buffer.from(body), ...overrides });

const api = createAwsKms({});

t.test('answers a good request in base64', async (t) => {
  for (const [size, more] of [
    [1, {}],
    [32, {}],
    [1024, {}],
    [32, { 'content-type': 'Application/X-Amz-Json-1.1 ; charset=UTF-8' }],
    [32, { host: 'kms.us-east-2.amazonaws.com' }],
  ] as const) {
    const body = `{"NumberOfBytes": ${size}, "Unknown": {}}`;
    const request = awsRequest(body, { headers: { ...unverifiable, ...more } });
    const expected = Buffer.from(await fakeSource().random(size)).toString('base64');
    t.strictSame(
      await answerOf(api, request),
      {
        status: 200,
        headers: responseHeaders,
        body: `{"Plaintext":"${expected}"}`,
        outcome: 'ok',
      },
      `${size} ${JSON.stringify(more)}`,
    );
  }
});

t.test('checks method, path, JSON, target, signature, members, in that order', async (t) => {
  const { authorization: _, ...unsigned } = unverifiable;
  const { 'x-amz-target': __, ...untargeted } = unsigned;
  const named = (name: string) => ({ ...unsigned, 'x-amz-target': `TrentService.${name}` });
  const unknown = { __type: 'UnknownOperationException' };
  const noJson = { __type: 'SerializationException' };
  for (const [name, request, body] of [
    ['GET', awsRequest('{bad', { method: 'GET', path: '/x' }), unknown],
    [
      'another path',
      awsRequest('{bad', { path: '/kms/' }),
      {
        ...unknown,
        message: 'AWS KMS is served at the path / only. Use an endpoint URL without a path.',
      },
    ],
    ['{bad', awsRequest('{bad', { headers: named('Nope') }), noJson],
    ['empty', awsRequest(''), noJson],
    ['scalar', awsRequest('32'), noJson],
    ['[[[...', awsRequest('['.repeat(500_000)), noJson],
    ['another target', awsRequest('{}', { headers: named('Nope') }), unknown],
    [
      'an operation of the service',
      awsRequest('{}', { headers: named('Decrypt') }),
      {
        ...unknown,
        message:
          "Only GenerateRandom is served here. For Decrypt, start entropyd's gateway with --upstream and the URL of a KMS endpoint.",
      },
    ],
    ['no target', awsRequest('{}', { headers: untargeted }), unknown],
    [
      'no signature',
      awsRequest('{}', { headers: unsigned }),
      { __type: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' },
    ],
    ['a list', awsRequest('[]'), { ...noJson, Message: 'Start of list found where not expected' }],
    [
      'no size',
      awsRequest('{}'),
      { __type: 'ValidationException', message: 'NumberOfBytes is required.' },
    ],
  ] as const) {
    const answer = await answerOf(api, request);
    t.strictSame(JSON.parse(answer.body), body, name);
    t.match(answer, { status: 400, headers: responseHeaders, outcome: body.__type }, name);
  }
});

t.test('a media type other than its own is answered as the front end does, first', async (t) => {
  const { 'content-type': _, ...untyped } = unverifiable;
  const { 'Content-Type': __, ...headers } = responseHeaders;
  const xml = '<UnknownOperationException/>\n';
  for (const [contentType, own, body] of [
    [undefined, {}, xml],
    ['application/x-amz-json-1.0', {}, xml],
    ['text/plain', {}, xml],
    [
      'Application/JSON; charset=UTF-8',
      { 'Content-Type': 'application/json' },
      '{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},"Version":"1.0"}',
    ],
  ] as const) {
    const sent = contentType === undefined ? untyped : { ...untyped, 'content-type': contentType };
    const answer = await answerOf(api, awsRequest('{bad', { headers: sent, path: '/x' }));
    const expected = { status: 404, headers: { ...own, ...headers }, body };
    t.strictSame(
      { status: answer.status, headers: answer.headers, body: answer.body },
      expected,
      contentType ?? 'none',
    );
    t.match(answer, { outcome: 'UnknownOperationException', error: { reason: 'request' } });
  }
  const refusal = api.refuse({ kind: 'busy' }, awsRequest('', { headers: untyped }));
  t.match(JSON.parse(String(refusal.body)), { __type: 'ThrottlingException' }, 'only that');
});

t.test('only Host must be signed; with an upstream, the target too', async (t) => {
  const body = '{"NumberOfBytes":1}';
  for (const [name, served, relayed] of [
    ['x-amz-date', 'ok', 'ok'],
    ['x-amz-security-token', 'ok', 'ok'],
    ['content-type', 'ok', 'ok'],
    ['x-amz-target', 'ok', 'InvalidSignatureException'],
    ['host', 'InvalidSignatureException', 'InvalidSignatureException'],
  ] as const) {
    const signer = signerOf('temporary', { unsigned: [name] });
    const upstream = fakeUpstream(200);
    t.equal(await outcomeOf(api, signedRequest(signer, body)), served, name);
    const relay = createAwsKms({ upstream });
    t.equal(await outcomeOf(relay, signedRequest(signer, body)), relayed, `${name}, upstream`);
    t.equal(upstream.asked.length, 0);
  }
});

t.test('a signature comes before the members, and is noted once it is verified', async (t) => {
  const request = signedRequest(signerOf('default'), '{}');
  await checkClaims(t, api, [{ title: 'no size', request, is: 'ValidationException' }]);
  t.strictSame(request.audit, { key: 'default-key', operation: 'GenerateRandom', size: null });
});

t.test('a request is its own by its header, or by `/`', async (t) => {
  for (const [path, headers, claim] of [
    ['/', {}, 'path'],
    ['/x', {}, 'no'],
    ['/x', { 'x-amz-target': '' }, 'header'],
  ] as const)
    t.equal(api.claim(apiRequest({ path, headers })), claim);
});

/** An upstream that answers `status`, and what it was asked. */
function fakeUpstream(status: number) {
  const asked: ApiRequest[] = [];
  return {
    asked,
    host: 'kms.example',
    resign: false,
    isEmulator: true,
    async forward(request: ApiRequest) {
      asked.push(request);
      return { status, headers: {}, body: Readable.from(['theirs']) };
    },
    async close() {},
  };
}

const forwarding = accessOf(`[[key]]
name = "all"
access_key = "AK-default"
secret_key = "secret-default"
allow = ["GenerateRandom", "upstream"]
[[key]]
name = "some"
access_key = "AK-some"
secret_key = "secret-default"
allow = ["GenerateRandom", "upstream:Encrypt", "upstream:GenerateRandom"]
[[key]]
name = "none"
access_key = "AK-none"
secret_key = "secret-default"
`);

/** A request for `operation`. */
function forOperation(operation: string, body: string, headers = {}, accessKey = 'AK-default') {
  const signer = signerOf('default', { accessKey });
  const signed = signAws(signer, body, { 'x-amz-target': operation, ...headers });
  return awsRequest(body, { headers: signed });
}

t.test('an upstream gets what is not served here, after the checks', async (t) => {
  for (const [name, body, headers, status] of [
    ['TrentService.Encrypt', '{}', {}, 299],
    [target, '{"Recipient":{}}', {}, 299],
    [target, '{"NumberOfBytes":"x","CustomKeyStoreId":"a"}', {}, 299],
    [target, '{"NumberOfBytes":1}', {}, 200],
    [target, '{"NumberOfBytes":1,"Recipient":null}', {}, 200],
    ['TrentService.Encrypt', '{bad', {}, 400],
    ['TrentService.Encrypt', 'null', {}, 400],
    ['TrentService.Encrypt', '{}', { 'content-type': 'text/plain' }, 404],
    [`${target}, ${target}`, '{}', {}, 400],
    ['TrentService.', '{}', {}, 400],
    ['trentservice.Encrypt', '{}', {}, 400],
    [`TrentService.${'a'.repeat(65)}`, '{}', {}, 400],
  ] as const) {
    const upstream = fakeUpstream(299);
    const request = forOperation(name, body, headers);
    const answer = await answerOf(createAwsKms({ upstream }), request, fakeSource(), forwarding);
    t.equal(answer.status, status, `${name} ${body}`);
    t.equal(upstream.asked.length, status === 299 ? 1 : 0, `${name} ${body}`);
  }
});

t.test('nobody uses the upstream who may not; its errors are its own', async (t) => {
  const recipient = '{"Recipient":{}}';
  for (const [accessKey, name, body, outcome, access] of [
    ['AK-some', 'Encrypt', '{}', 'upstream 400', forwarding],
    ['AK-some', 'GenerateRandom', recipient, 'upstream 400', forwarding],
    ['AK-default', 'Decrypt', '{}', 'upstream 400', forwarding],
    ['AK-some', 'Decrypt', '{}', 'AccessDeniedException', forwarding],
    ['AK-none', 'Encrypt', '{}', 'AccessDeniedException', forwarding],
    ['AK-none', 'GenerateRandom', recipient, 'AccessDeniedException', forwarding],
    ['AK-what', 'Encrypt', '{}', 'UnrecognizedClientException', forwarding],
    ['AK-some', 'Encrypt', '{}', 'AccessDeniedException', openAccess],
  ] as const) {
    const upstream = fakeUpstream(400);
    const request = forOperation(`TrentService.${name}`, body, {}, accessKey);
    const answer = await answerOf(createAwsKms({ upstream }), request, fakeSource(), access);
    t.equal(answer.outcome, outcome, `${accessKey} ${name}`);
    if (outcome === 'upstream 400') {
      t.equal(answer.error?.reason, undefined, 'not counted as an error of the gateway');
      t.match(upstream.asked[0]?.audit, { operation: name, size: null });
    }
  }
});

t.test(
  'an open upstream is for callers whom nobody knows, and grants a known one nothing',
  async (t) => {
    for (const [accessKey, access, outcome] of [
      ['AK-some', openAccess, 'ok'],
      ['AK-some', forwarding, 'AccessDeniedException'],
    ] as const) {
      const upstream = fakeUpstream(200);
      const api = createAwsKms({ upstream, isUpstreamOpen: true });
      const request = forOperation('TrentService.Decrypt', '{}', {}, accessKey);
      t.equal((await answerOf(api, request, fakeSource(), access)).outcome, outcome);
    }
  },
);

t.test('the rate holds for the upstream as well', async (t) => {
  const access = accessOf(
    '[[key]]\nname = "k"\naccess_key = "AK-default"\nsecret_key = "secret-default"\nallow = ["upstream"]\nrequests_per_second = 1\n',
  );
  const limited = createAwsKms({ upstream: fakeUpstream(200) });
  const ask = async () =>
    (await answerOf(limited, forOperation('TrentService.Encrypt', '{}'), fakeSource(), access))
      .outcome;
  t.strictSame([await ask(), await ask()], ['ok', 'ThrottlingException']);
});

t.test('an upstream is made from the settings, and only behind credentials', async (t) => {
  const log = memoryLog();
  const settings = { upstream: 'http://127.0.0.1:1', upstreamResign: false };
  t.throws(() => awsKms.create(settings), {
    code: 'ERR_CONFIG',
    message: /^upstream "127\.0\.0\.1:1": want --credentials too/,
  });
  t.throws(() => awsKms.create({ upstream: 'x', credentials: '/x' }), { code: 'ERR_CONFIG' });
  const open = awsKms.create({ ...settings, insecureNetwork: true });
  const opened = await answerOf(open, forOperation('TrentService.Encrypt', '{}'));
  t.match(opened, { status: 503, error: { reason: 'upstream' } }, 'or an emulator for everyone');
  await open.close?.();
  t.throws(
    () => awsKms.create({ ...settings, upstreamResign: true, insecureNetwork: true }),
    { code: 'ERR_CONFIG' },
    'never with rights of the gateway',
  );
  const created = awsKms.create({ ...settings, credentials: '/x' });
  const request = forOperation('TrentService.Encrypt', '{}');
  const answer = await answerOf(created, request, fakeSource(), forwarding);
  t.match(answer, { status: 503, error: { reason: 'upstream' } });
  await created.close?.();
  await awsKms.create({}).close?.();
  t.strictSame(log.records, []);
});

t.test('its examples are for a region that signatures may have', async (t) => {
  const at = { url: 'http://127.0.0.1:8478', verifies: false, socketPath: undefined };
  const commands = (regions: string[]) =>
    createAwsKms({ regions })
      .examples(at)
      .map(({ command }) => command);
  t.strictSame(commands(['eu-de', 'eu-nl']), [
    'AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any aws kms generate-random --number-of-bytes 32 --region eu-de --endpoint-url http://127.0.0.1:8478',
    `curl --aws-sigv4 aws:amz:eu-de:kms --user any:any -H 'Content-Type: application/x-amz-json-1.1' -H 'X-Amz-Target: TrentService.GenerateRandom' -d '{"NumberOfBytes":32}' http://127.0.0.1:8478/`,
  ]);
  t.match(commands([])[0], '--region eu-central-1 ');
});
