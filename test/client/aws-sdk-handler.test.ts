import fc from 'fast-check';
import t from 'tap';
import {
  createRequestHandler,
  type RequestHandlerOptions,
  type SdkRequest,
  type WrappedHandler,
} from '../../src/client/aws-sdk-handler.js';
import { EntropyError } from '../../src/common/errors.js';
import { fakeGenerator, startFake, startServer } from '../support/daemon.js';
import { freePath } from '../support/paths.js';
import { until } from '../support/until.js';

const target = 'TrentService.GenerateRandom';
const bytes = Buffer.from('{"NumberOfBytes":4}');

/** A request as the SDK hands it over. */
const sdkRequest = (body: unknown, overrides: Partial<SdkRequest> = {}): SdkRequest => ({
  method: 'POST',
  headers: { 'x-amz-target': target },
  body,
  ...overrides,
});

/** A client whose bytes count up, and what it was asked for. */
function fakeClient() {
  const asked: unknown[] = [];
  const random = async (size: number, options?: object) => {
    asked.push([size, options]);
    return Uint8Array.from({ length: size }, (_, i) => i);
  };
  return { asked, client: { random } };
}

/** A handler that records its calls and responds to all with 299. */
function fakeHandler() {
  const calls: unknown[] = [];
  const handler: WrappedHandler = {
    metadata: { handlerProtocol: 'h2' },
    handle: async (...args) => {
      calls.push(['handle', ...args]);
      return { response: { statusCode: 299, headers: {} } };
    },
    destroy: () => void calls.push(['destroy']),
    updateHttpClientConfig: (...args) => void calls.push(['update', ...args]),
    httpHandlerConfigs: () => ({ requestTimeout: 1 }),
  };
  return { calls, handler };
}

/** Status and members of a response. */
async function ask(options: RequestHandlerOptions, request: SdkRequest, callOptions = {}) {
  const { response } = await createRequestHandler(options).handle(request, callOptions);
  const { statusCode, headers, body } = response;
  t.ok(body instanceof Uint8Array, 'the SDK reads bytes or a stream, not text');
  t.match(headers, {
    'content-type': 'application/x-amz-json-1.1',
    'content-length': String((body as Uint8Array).length),
    date: /GMT$/,
    'x-amzn-requestid': /^[0-9a-f-]{36}$/,
  });
  return { statusCode, ...JSON.parse(String(body)) };
}

t.test('serves GenerateRandom for any kind of body and any case of header names', async (t) => {
  const { client } = fakeClient();
  for (const [name, request] of [
    ['Uint8Array', sdkRequest(new Uint8Array(bytes))],
    ['Buffer', sdkRequest(bytes)],
    [
      'a view into a larger array',
      sdkRequest(Buffer.concat([bytes, bytes]).subarray(bytes.length)),
    ],
    ['ArrayBuffer', sdkRequest(new Uint8Array(bytes).buffer)],
    ['string', sdkRequest(String(bytes))],
    ['another case', sdkRequest(bytes, { headers: { 'X-Amz-Target': target } })],
  ] as const)
    t.strictSame(await ask({ client }, request), { statusCode: 200, Plaintext: 'AAECAw==' }, name);
});

t.test('serves GetRandomPassword, whatever handler there is', async (t) => {
  const asked: unknown[] = [];
  // Far from one another, so that a password of few characters has all types.
  const client = {
    async random(size: number, options?: object) {
      asked.push([size, options]);
      return Uint8Array.from({ length: size }, (_, i) => i * 101);
    },
  };
  const { handler, calls } = fakeHandler();
  const request = (body: string) =>
    sdkRequest(body, { headers: { 'x-amz-target': 'secretsmanager.GetRandomPassword' } });
  const letters = '{"PasswordLength":5,"ExcludeNumbers":true,"ExcludePunctuation":true}';
  for (const options of [{ client }, { client, handler }])
    t.match(await ask(options, request(letters)), {
      statusCode: 200,
      RandomPassword: /^[A-Za-z]{5}$/,
    });
  t.strictSame(calls, []);
  t.strictSame(await ask({ client }, request('{"PasswordLength":3}')), {
    statusCode: 400,
    __type: 'InvalidParameterException',
    Message: 'Password length is too short based on the required types.',
  });
  asked.length = 0;
  await ask({ client }, request('{}'), { requestTimeout: 7 });
  t.match(asked, [[Number, { timeoutMs: 7 }]]);
  const failing = {
    random: async () => Promise.reject(new EntropyError('ERR_CONNECT', 'a secret path')),
  };
  t.strictSame(await ask({ client: failing }, request('{}')), {
    statusCode: 503,
    __type: 'ServiceUnavailable',
    message: 'The request has failed due to a temporary failure of the server.',
  });
});

t.test('refuses requests as the service does', async (t) => {
  const { client, asked } = fakeClient();
  for (const [body, __type, message] of [
    ['{}', 'ValidationException', 'NumberOfBytes is required.'],
    [
      '{"NumberOfBytes":"32"}',
      'SerializationException',
      'STRING_VALUE can not be converted to an Integer',
    ],
    [
      '{"NumberOfBytes":true}',
      'SerializationException',
      'TRUE_VALUE can not be converted to an Integer',
    ],
    ['{"NumberOfBytes":[1]}', 'SerializationException', 'Start of list found where not expected'],
    ['{bad', 'SerializationException', undefined],
    ['', 'SerializationException', undefined],
    [undefined, 'SerializationException', undefined],
    [null, 'SerializationException', undefined],
    ['[]', 'SerializationException', 'Start of list found where not expected'],
    [
      '{"NumberOfBytes":1,"Recipient":{}}',
      'UnsupportedOperationException',
      'Recipient is not supported.',
    ],
    ['{"NumberOfBytes":1,"CustomKeyStoreId":"a"}', 'CustomKeyStoreNotFoundException', undefined],
  ] as const)
    t.strictSame(
      await ask({ client }, sdkRequest(body)),
      {
        ...{ statusCode: 400, __type },
        ...(message !== undefined &&
          (__type === 'SerializationException' ? { Message: message } : { message })),
      },
      String(body),
    );
  t.strictSame(asked, []);
});

t.test('passes everything else on unchanged', async (t) => {
  const options = { requestTimeout: 5 };
  for (const [name, request] of [
    [
      'another operation',
      sdkRequest('{}', { headers: { 'x-amz-target': 'TrentService.Encrypt' } }),
    ],
    ['another service', sdkRequest(undefined, { method: 'GET', headers: {} })],
    ['another method', sdkRequest(bytes, { method: 'GET' })],
    ['a custom key store', sdkRequest('{"NumberOfBytes":1,"CustomKeyStoreId":"a"}')],
    ['a recipient', sdkRequest('{"NumberOfBytes":1,"Recipient":{}}')],
    ['a body that only the SDK can read', sdkRequest(new Blob(['{}']))],
  ] as const) {
    const { client, asked } = fakeClient();
    const { handler, calls } = fakeHandler();
    const { response } = await createRequestHandler({ client, handler }).handle(request, options);
    t.equal(response.statusCode, 299, name);
    t.strictSame(asked, [], name);
    t.equal(calls.length, 1);
    t.equal((calls[0] as unknown[])[1], request, 'the same request');
    t.equal((calls[0] as unknown[])[2], options, 'the same options');
  }
});

t.test('without a wrapped handler, other requests are rejected with what is missing', async (t) => {
  const { client } = fakeClient();
  const handler = createRequestHandler({ client });
  await t.rejects(
    handler.handle(sdkRequest('{}', { headers: { 'x-amz-target': 'TrentService.Encrypt' } })),
    {
      code: 'ERR_CONFIG',
      message: /^TrentService\.Encrypt: .* pass createRequestHandler a handler/,
    },
  );
  await t.rejects(handler.handle({ method: 'GET', headers: {} }), { message: /^GET: / });
});

t.test('failures of the daemon become failures of the service', async (t) => {
  for (const [code, statusCode, __type] of [
    ['ERR_RATE', 400, 'ThrottlingException'],
    ['ERR_CONNECT', 503, 'DependencyTimeoutException'],
    ['ERR_HEALTH', 500, 'KMSInternalException'],
  ] as const) {
    const client = { random: () => Promise.reject(new EntropyError(code, 'detail')) };
    const answer = await ask({ client }, sdkRequest(bytes));
    t.match(answer, { statusCode, __type });
    t.notMatch(answer.message, /detail/);
  }
});

t.test(
  'a signal of either kind ends the call with an AbortError, before or in flight',
  async (t) => {
    let requests = 0;
    const { path } = await startFake(t, (socket) => socket.on('data', () => requests++));
    const reason = new Error('enough');
    const old = (aborted: boolean) => ({ aborted, onabort: null as (() => void) | null });
    const [before, during] = [old(true), old(false)];
    const controller = new AbortController();
    for (const [name, abortSignal, act, cause] of [
      ['aborted', AbortSignal.abort(reason), undefined, reason],
      ['aborts', controller.signal, () => controller.abort(reason), reason],
      ['old, aborted', before, undefined, undefined],
      ['old, aborts', during, () => during.onabort?.(), undefined],
    ] as const) {
      const handler = createRequestHandler({ socketPath: path });
      t.teardown(() => handler.destroy());
      const pending = handler.handle(sdkRequest(bytes), { abortSignal });
      if (act !== undefined) {
        await until(() => requests > 0, 'a request');
        requests = 0;
        act();
      }
      await t.rejects(pending, { name: 'AbortError', ...(cause && { cause }) }, name);
    }
  },
);

t.test('a call may have its own timeout', async (t) => {
  const { path } = await startFake(t, () => {});
  const handler = createRequestHandler({ socketPath: path });
  t.teardown(() => handler.destroy());
  const { response } = await handler.handle(sdkRequest(bytes), { requestTimeout: 20 });
  t.equal(response.statusCode, 503);
  const { client, asked } = fakeClient();
  await ask({ client }, sdkRequest(bytes), { requestTimeout: 0 });
  t.strictSame(asked, [[4, {}]], "0 means the client's timeout");
});

t.test('destroy closes the handler’s own connection; a given client stays open', async (t) => {
  const { path, context } = await startServer(t, fakeGenerator());
  const { calls, handler: wrapped } = fakeHandler();
  const handler = createRequestHandler({ socketPath: path, handler: wrapped });
  await handler.handle(sdkRequest(bytes));
  t.equal(context.counters.connectionsOpen, 1);
  handler.destroy();
  t.strictSame(calls, [['destroy']]);
  await until(() => context.counters.connectionsOpen === 0, 'the end of the connection');
  const { client } = fakeClient();
  createRequestHandler({ client }).destroy();
  const dead = createRequestHandler({ socketPath: freePath() });
  t.match((await dead.handle(sdkRequest(bytes))).response.statusCode, 503);
});

t.test('configuration goes to the wrapped handler', async (t) => {
  const { client } = fakeClient();
  const { calls, handler: wrapped } = fakeHandler();
  const handler = createRequestHandler({ client, handler: wrapped });
  t.strictSame(handler.metadata, { handlerProtocol: 'h2' });
  t.strictSame(handler.httpHandlerConfigs(), { requestTimeout: 1 });
  handler.updateHttpClientConfig('a' as never, 'b' as never);
  t.strictSame(calls, [['update', 'a', 'b']]);
  const bare = createRequestHandler({ client });
  t.strictSame(bare.metadata, { handlerProtocol: 'http/1.1' });
  t.strictSame(bare.httpHandlerConfigs(), {});
  t.doesNotThrow(() => bare.updateHttpClientConfig('a' as never, 'b' as never));
});

t.test('any body gets the requested bytes or an error, and nothing is thrown', async (t) => {
  const { client } = fakeClient();
  const body = fc.oneof(fc.string(), fc.json(), fc.uint8Array(), fc.constant(undefined));
  await t.resolves(
    fc.assert(
      fc.asyncProperty(body, async (body) => {
        const { response } = await createRequestHandler({ client }).handle(sdkRequest(body));
        const { Plaintext, __type } = JSON.parse(String(response.body));
        return response.statusCode === 200
          ? typeof Plaintext === 'string' && __type === undefined
          : response.statusCode === 400 && typeof __type === 'string' && Plaintext === undefined;
      }),
    ),
  );
});
