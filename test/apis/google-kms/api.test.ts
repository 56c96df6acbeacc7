import { once } from 'node:events';
import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { googleKms } from '../../../src/apis/google-kms/api.js';
import { crc32c } from '../../../src/apis/google-kms/format.js';
import { randomMethod } from '../../../src/apis/google-kms/grpc.js';
import { apis } from '../../../src/apis/list.js';
import { EntropyError } from '../../../src/common/errors.js';
import { checkClaims, outcomeOf } from '../../support/claims.js';
import { accessOf, day, tokenOf } from '../../support/credentials.js';
import {
  answerOf,
  apiRequest,
  failingSource,
  fakeSource,
  memoryAudit,
  serveApis,
  settings,
} from '../../support/gateway.js';
import { until } from '../../support/until.js';
import { frame, grpcRequest, randomRequest, randomResponse, statusOf } from './calls.js';

const api = googleKms.create(settings);
const path = '/v1/projects/project/locations/global:generateRandomBytes';
const json = '{"lengthBytes":16,"protectionLevel":"HSM"}';

const bearerOf = (token: string) => ({ authorization: `Bearer ${token}` });

const restRequest = (headers: Record<string, string> = {}, body = json, at = path) =>
  apiRequest({ path: at, headers, body: Buffer.from(body) });
const callRequest = (headers: Record<string, string> = {}, message = randomRequest()) =>
  grpcRequest(frame(message), headers);

t.test('claims what belongs to a project, and calls over gRPC', async (t) => {
  const grpc = { 'content-type': 'application/grpc' };
  for (const [method, path, headers, claim] of [
    ['POST', '/v1/projects/p/locations/l:generateRandomBytes', {}, 'path'],
    ['GET', '/v1/projects/p/locations', {}, 'path'],
    ['GET', '/v1/projects', {}, 'no'],
    ['POST', '/v1/sys/tools/random', {}, 'no'],
    ['POST', '/', {}, 'no'],
    ['POST', randomMethod, {}, 'no'],
    ['POST', randomMethod, grpc, 'header'],
    ['POST', '/grpc.health.v1.Health/Check', grpc, 'header'],
  ] as const)
    t.equal(api.claim(apiRequest({ method, path, headers })), claim, `${method} ${path}`);
  const claims = apis.map(({ name, create }) => [name, create(settings).claim(restRequest())]);
  t.equal(claims.find(([, claim]) => claim === 'path')?.[0], 'google-kms', 'before Vault');
});

t.test('answers over both transports', async (t) => {
  const bytes = await fakeSource().random(16);
  const rest = await answerOf(api, restRequest());
  t.match(rest, { status: 200, outcome: 'ok' });
  t.strictSame(JSON.parse(rest.body), {
    data: Buffer.from(bytes).toString('base64'),
    dataCrc32c: String(crc32c(bytes)),
  });
  const services = { ...fakeSource(), access: accessOf() };
  const answer = await api.answer(callRequest(bearerOf(tokenOf('default'))), services);
  const { data, checksum } = randomResponse(answer.body as Uint8Array);
  t.ok(Buffer.from(data).equals(bytes));
  t.equal(checksum, crc32c(bytes));
  t.strictSame(answer.trailers, { 'grpc-status': '0' });
});

t.test('an open gateway asks for no proof, but refuses one that is malformed', async (t) => {
  for (const [headers, outcome] of [
    [{}, 'ok'],
    [bearerOf('any'), 'ok'],
    [{ authorization: 'bearer  any' }, 'ok'],
    [{ authorization: 'Bearer' }, 'UNAUTHENTICATED'],
    [{ authorization: 'Bearer a b' }, 'UNAUTHENTICATED'],
    [{ authorization: 'Basic YTpi' }, 'UNAUTHENTICATED'],
    [{ authorization: '' }, 'UNAUTHENTICATED'],
  ] as const)
    for (const request of [restRequest(headers), callRequest(headers)])
      t.equal((await answerOf(api, request)).outcome, outcome, JSON.stringify(headers));
});

t.test('with credentials, knows tokens and nothing else', async (t) => {
  const missing = /Request is missing required authentication credential/;
  const invalid = /Request had invalid authentication credentials/;
  for (const make of [restRequest, callRequest]) {
    const bodies = make === restRequest ? { missing, invalid } : { missing: /^$/, invalid: /^$/ };
    await checkClaims(t, api, [
      { title: 'a token', request: make(bearerOf(tokenOf('default'))), is: 'default-token' },
      { title: 'none', request: make(), is: 'UNAUTHENTICATED', body: bodies.missing },
      {
        title: 'unknown',
        request: make(bearerOf('x')),
        is: 'UNAUTHENTICATED',
        body: bodies.invalid,
      },
      { title: 'a key', request: make(bearerOf('AK-default')), is: 'UNAUTHENTICATED' },
      {
        title: 'before it expires',
        request: make(bearerOf(tokenOf('temporary'))),
        later: day - 1,
        is: 'temporary-token',
      },
      {
        title: 'once it has expired',
        request: make(bearerOf(tokenOf('temporary'))),
        later: day,
        is: 'UNAUTHENTICATED',
      },
      { title: 'of its project', request: make(bearerOf(tokenOf('project'))), is: 'project-token' },
      {
        title: 'nothing allowed',
        request: make(bearerOf(tokenOf('denied'))),
        is: 'PERMISSION_DENIED',
      },
    ]);
  }
});

t.test('a token of a project is for that project', async (t) => {
  const known = bearerOf(tokenOf('project'));
  const other = 'projects/other/locations/global';
  for (const request of [
    restRequest(known, json, `/v1/${other}:generateRandomBytes`),
    callRequest(known, randomRequest({ location: other })),
  ]) {
    t.equal(await outcomeOf(api, request), 'PERMISSION_DENIED');
    t.match(request.audit, { key: 'project-token', operation: 'GenerateRandomBytes', size: null });
  }
});

t.test('checks route, proof, form, rights, rate and range, in this order', async (t) => {
  const limited = bearerOf(tokenOf('limited'));
  const denied = bearerOf(tokenOf('denied'));
  const access = accessOf();
  const outcome = (request: Parameters<typeof outcomeOf>[1]) => outcomeOf(api, request, access);
  for (const [request, expected] of [
    [restRequest({}, '{bad', '/v1/projects/p'), 'NOT_FOUND'],
    [grpcRequest(Buffer.alloc(0), {}, '/x'), 'UNIMPLEMENTED'],
    [restRequest({}, '{bad'), 'UNAUTHENTICATED'],
    [grpcRequest(Buffer.alloc(0)), 'UNAUTHENTICATED'],
    [restRequest(denied, '{bad'), 'INVALID_ARGUMENT'],
    [grpcRequest(Buffer.alloc(0), denied), 'UNIMPLEMENTED'],
    [grpcRequest(Buffer.alloc(3), denied), 'INTERNAL'],
    [callRequest(denied, randomRequest({ location: 'x' })), 'INVALID_ARGUMENT'],
    [restRequest(denied, '{}'), 'PERMISSION_DENIED'],
    [callRequest(denied, randomRequest({ lengthBytes: 1 })), 'PERMISSION_DENIED'],
    [restRequest(limited, '{bad'), 'INVALID_ARGUMENT'],
    [callRequest(limited, randomRequest({ lengthBytes: 1 })), 'INVALID_ARGUMENT'],
    [restRequest(limited, '{"lengthBytes":8}'), 'INVALID_ARGUMENT'],
    [restRequest(limited, '{}'), 'RESOURCE_EXHAUSTED'],
  ] as const)
    t.equal(await outcome(request), expected, `${request.path} ${request.body}`);
});

/** How a call ends on the wire: trailers and all. */
interface Called {
  readonly status: number | undefined;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
  readonly trailers: Record<string, string>;
}

/** A call over HTTP/2, as gRPC's clients make it. */
async function calledOverHttp2(
  port: number,
  { path, headers, body }: ReturnType<typeof callRequest>,
): Promise<Called> {
  const session = connect(`http://127.0.0.1:${port}`);
  const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
  const trailers: Record<string, string> = {};
  stream.on('trailers', (fields) => Object.assign(trailers, fields));
  stream.end(body);
  const [answered] = await once(stream, 'response');
  const whole = await buffer(stream);
  session.close();
  return { status: answered[':status'], headers: answered, body: whole, trailers };
}

/** The same over HTTP/1.1, which has trailers too. */
async function calledOverHttp1(
  port: number,
  { path, headers, body }: ReturnType<typeof callRequest>,
): Promise<Called> {
  const outgoing = request({ port, path, method: 'POST', headers: headers as OutgoingHttpHeaders });
  outgoing.end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  const whole = await buffer(incoming);
  const trailers = incoming.trailers as Record<string, string>;
  return {
    status: incoming.statusCode,
    headers: incoming.headers as Record<string, string>,
    body: whole,
    trailers,
  };
}

for (const [version, called] of [
  ['HTTP/2', calledOverHttp2],
  ['HTTP/1.1', calledOverHttp1],
] as const)
  t.test(
    `over ${version} a call is answered, recorded and counted by its own status`,
    async (t) => {
      const known = bearerOf(tokenOf('default'));
      const { port, audit, counters } = await serveApis(t, apis, { access: accessOf() });
      const answer = await called(port, callRequest(known));
      t.match(answer, { status: 200, headers: { 'content-type': 'application/grpc' } });
      t.equal(randomResponse(answer.body).data.length, 16);
      t.match(answer.trailers, { 'grpc-status': '0' });
      const refused = await called(port, callRequest(known, randomRequest({ lengthBytes: 7 })));
      t.match(refused, { status: 200, headers: { 'content-type': 'application/grpc' } });
      t.equal(refused.body.length, 0);
      t.match(statusOf(refused), { code: 3, message: /^length_bytes must be 8 to 1024/ });
      const unknown = await called(port, callRequest());
      t.match(statusOf(unknown), { code: 16, details: [[/ErrorInfo$/, 'CREDENTIALS_MISSING']] });
      const page = await called(port, callRequest({ ...known, origin: 'http://localhost' }));
      t.match(statusOf(page), { code: 7, message: /web pages/ });
      const large = await called(port, grpcRequest(Buffer.alloc(70_000), known));
      t.match(statusOf(large), { code: 8, message: /too large/ });
      const operation = 'GenerateRandomBytes';
      t.match(audit, [
        {
          api: 'google-kms',
          key: 'default-token',
          operation,
          size: 16,
          outcome: 'ok',
          status: 200,
        },
        { key: 'default-token', operation, size: null, outcome: 'INVALID_ARGUMENT', status: 400 },
        { key: null, operation, outcome: 'UNAUTHENTICATED', status: 401 },
        { key: null, operation: null, outcome: 'PERMISSION_DENIED', status: 403 },
        { key: null, operation: null, outcome: 'RESOURCE_EXHAUSTED', status: 413 },
      ]);
      t.match(counters.of('google-kms'), {
        responses: { '2xx': 1, '4xx': 4, '5xx': 0 },
        errors: { authentication: 1, forbidden: 1, request: 2 },
        randomBytes: 16,
      });
    },
  );

t.test(
  'a call without a daemon fails as in every other API: logged, counted, no bytes',
  async (t) => {
    const source = failingSource(new EntropyError('ERR_CONNECT', 'a secret path'));
    const { port, audit, counters, log } = await serveApis(t, apis, { source });
    const answer = await calledOverHttp2(port, callRequest());
    t.match(statusOf(answer), { code: 14, message: 'The service is currently unavailable.' });
    t.match(audit, [{ size: 16, outcome: 'UNAVAILABLE', status: 503 }]);
    t.match(counters.of('google-kms'), {
      responses: { '2xx': 0, '5xx': 1 },
      errors: { unavailable: 1 },
      randomBytes: 0,
    });
    t.match(log.records, [{ message: 'request failed', code: 'ERR_CONNECT' }]);
  },
);

t.test('where a call must be recorded and cannot be, it gets no bytes', async (t) => {
  const audit = memoryAudit(async () => false);
  const { port } = await serveApis(t, apis, { audit });
  const answer = await calledOverHttp2(port, callRequest());
  t.equal(statusOf(answer).code, 14);
  t.equal(answer.body.length, 0);
});

t.test('bytes and frame of a call are zero once they are sent', async (t) => {
  const given: Uint8Array[] = [];
  const random = async (size: number) => {
    const bytes = new Uint8Array(size).fill(7);
    given.push(bytes);
    return bytes;
  };
  const frames: Uint8Array[] = [];
  const kept = {
    name: 'google-kms',
    create: () => ({
      ...api,
      async answer(...args: Parameters<typeof api.answer>) {
        const answer = await api.answer(...args);
        frames.push(answer.body as Uint8Array);
        return answer;
      },
    }),
  };
  const { port } = await serveApis(t, [kept], { source: fakeSource({ random }) });
  const { data } = randomResponse((await calledOverHttp2(port, callRequest())).body);
  t.ok(data.every((byte) => byte === 7));
  for (const [what, memory] of [
    ['bytes', given[0]],
    ['frame', frames[0]],
  ] as const)
    await until(() => memory?.every((byte) => byte === 0), `the ${what} are wiped`);
});
