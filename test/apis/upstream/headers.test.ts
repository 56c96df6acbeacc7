import fc from 'fast-check';
import t from 'tap';
import { keptHeaders, passedHeaders, responseHeaders } from '../../../src/apis/upstream/headers.js';

/** What an answer has that lacks it. */
const ours = { 'x-amzn-requestid': 'ours' };

t.test(
  'a passed request keeps order, case, repeats and signature; the connection is its own',
  async (t) => {
    const raw = [
      ['Host', 'kms.us-east-1.amazonaws.com'],
      ['X-Amz-Date', '20260101T000000Z'],
      ['x-repeat', 'b'],
      ['Authorization', 'AWS4-HMAC-SHA256 Credential=a'],
      ['X-Repeat', 'a'],
      ['x-amz-security-token', 'token'],
      ['Content-Length', '7'],
      ['Connection', 'keep-alive, X-Hop'],
      ['x-hop', 'dropped'],
      ['Keep-Alive', 'timeout=5'],
      ['Proxy-Connection', 'keep-alive'],
      ['Proxy-Authorization', 'Basic x'],
      ['TE', 'trailers'],
      ['Trailer', 'x'],
      ['Transfer-Encoding', 'chunked'],
      ['Upgrade', 'h2c'],
      ['Expect', '100-continue'],
      ['User-Agent', 'caf\u00e9'],
    ];
    t.strictSame(passedHeaders(raw.flat(), 21), [
      ...raw.slice(0, 6).flat(),
      ...['User-Agent', 'caf\u00e9', 'Content-Length', '21'],
    ]);
  },
);

t.test('Connection cannot name what the last recipient needs', async (t) => {
  const needed = [
    ...['Host', 'Authorization', 'X-Amz-Target', 'x-amz-date', 'X-Amz-Security-Token', 'Date'],
    ...['Content-Type', 'Content-Encoding', 'Accept', 'Accept-Encoding', 'User-Agent', 'Via'],
    ...['amz-sdk-invocation-id', 'Cache-Control', 'X-Sdk-Date', 'X-Auth-Token', 'X-Project-Id'],
    ...['X-Security-Token', 'X-Sdk-Content-Sha256', 'X-Domain-Id'],
  ];
  const raw = needed.flatMap((name) => [name, 'x']);
  for (const options of [needed, needed.map((name) => name.toLowerCase())])
    t.strictSame(passedHeaders([...raw, 'Connection', options.join(',')], 0), [
      ...raw,
      ...['Content-Length', '0'],
    ]);
  const answer = {
    'content-type': 'x',
    'x-amzn-requestid': 'y',
    connection: 'content-type, x-amzn-requestid',
  };
  t.match(responseHeaders(answer, ours), { 'content-type': 'x', 'x-amzn-requestid': 'y' });
});

t.test('no authentication of the client is left for another signature', async (t) => {
  t.strictSame(
    keptHeaders(
      {
        host: 'gateway',
        authorization: 'AWS4-HMAC-SHA256 Credential=a',
        cookie: 'a=b',
        'x-amz-date': '20260101T000000Z',
        'x-amz-security-token': 'token',
        'x-amz-content-sha256': 'hash',
        'x-amz-target': 'TrentService.ListKeys',
        'content-type': 'application/x-amz-json-1.1',
        'content-length': '9999',
        'user-agent': 'aws-cli',
        'x-forwarded-for': '10.0.0.1',
        'amz-sdk-request': 'attempt=1; max=3',
      },
      ['accept', 'amz-sdk-request', 'content-type', 'user-agent', 'x-amz-target'],
      2,
    ),
    {
      'content-length': '2',
      'amz-sdk-request': 'attempt=1; max=3',
      'content-type': 'application/x-amz-json-1.1',
      'user-agent': 'aws-cli',
      'x-amz-target': 'TrentService.ListKeys',
    },
  );
});

t.test("an answer loses what is the connection's, the host's, or for web pages", async (t) => {
  t.strictSame(
    responseHeaders(
      {
        'content-type': 'application/x-amz-json-1.1',
        'content-length': '2',
        date: 'Thu, 01 Jan 2026 00:00:00 GMT',
        'x-amzn-requestid': 'theirs',
        'x-amzn-errortype': 'NotFoundException',
        'access-control-allow-origin': '*',
        'access-control-expose-headers': 'x',
        'set-cookie': ['a=b'],
        'strict-transport-security': 'max-age=1',
        'alt-svc': 'h3=":443"',
        'cache-control': 'public',
        'x-content-type-options': 'x',
        connection: 'close, x-hop',
        'x-hop': '1',
        'keep-alive': 'timeout=5',
        'transfer-encoding': 'chunked',
        trailer: 'x',
        server: 'Theirs/1.0',
      },
      ours,
    ),
    {
      server: 'Theirs/1.0',
      via: '1.1 entropyd',
      'x-amzn-requestid': 'theirs',
      'content-type': 'application/x-amz-json-1.1',
      'content-length': '2',
      date: 'Thu, 01 Jan 2026 00:00:00 GMT',
      'x-amzn-errortype': 'NotFoundException',
    },
  );
  t.strictSame(responseHeaders({}, ours), { 'x-amzn-requestid': 'ours', via: '1.1 entropyd' });
  t.match(responseHeaders({ via: '1.0 a' }, ours), { via: '1.0 a, 1.1 entropyd' });
});

t.test('whatever the headers are, none of the dropped ones crosses', async (t) => {
  const name = fc.constantFrom(
    ...[
      'Connection',
      'Upgrade',
      'authorization',
      'X-Amz-Target',
      'content-length',
      'x-a',
      'X-A',
      'te',
    ],
  );
  const header = fc.tuple(name, fc.constantFrom('', 'x-a', 'x-a,te', ' X-A ,', '5'));
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(header), (headers) => {
        const passed = passedHeaders(headers.flat(), 3);
        const names = passed.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
        const named = headers.some(([key, value]) => key === 'Connection' && /x-a/i.test(value));
        return (
          !names.some((name) => ['connection', 'upgrade', 'te'].includes(name)) &&
          !(named && names.includes('x-a')) &&
          names.filter((name) => name === 'content-length').length === 1 &&
          passed.at(-1) === '3'
        );
      }),
    ),
  );
});
