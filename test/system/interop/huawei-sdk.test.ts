import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BasicCredentials } from '@huaweicloud/huaweicloud-sdk-core';
import { HcClient } from '@huaweicloud/huaweicloud-sdk-core/HcClient.js';
import { DefaultHttpClient } from '@huaweicloud/huaweicloud-sdk-core/http/DefaultHttpClient.js';
import t from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import { call, failingSource } from '../../support/gateway.js';
import { signSdkHmac } from '../../support/signing/sdk-hmac-signer.js';
import { startRealPath } from './real-path.js';

const sequence = '919c82d4-8046-4722-9094-35c3c6524cff';

/**
 * A client with worthless credentials. The SDK's ClientBuilder is not used: it logs every error to
 * standard output and writes a file into the user's home.
 */
function kmsClient(port: number, ak = 'ak', sk = 'sk', securityToken?: string): HcClient {
  const silent = () => {};
  const logger = { debug: silent, info: silent, warn: silent, error: silent };
  const endpoints = [`http://127.0.0.1:${port}`];
  return new HcClient(new DefaultHttpClient({ logger } as never, endpoints))
    .withEndpoints(endpoints)
    .withCredential(new BasicCredentials({ ak, sk, projectId: 'project', securityToken } as never));
}

/** The request that Huawei's generated KMS client sends for CreateRandom. */
function genRandom(
  client: HcClient,
  data: Record<string, unknown>,
  headers: Record<string, string> = {},
): Promise<object> {
  return client.sendRequest({
    method: 'POST',
    url: '/v1.0/{project_id}/kms/gen-random',
    contentType: 'application/json',
    queryParams: {},
    pathParams: { project_id: 'project' },
    headers,
    data,
  });
}

t.test('the SDK gets upper-case hexadecimal digits and nothing else', async (t) => {
  for (const [dialect, table] of [
    [
      'otc',
      [
        ['512', 128],
        [512, 128],
      ],
    ],
    [
      'hwc',
      [
        ['8', 2],
        ['512', 128],
        ['8192', 2048],
      ],
    ],
  ] as const) {
    const { port } = await startRealPath(t, { dialect });
    const client = kmsClient(port);
    for (const [random_data_length, digits] of table) {
      const answer = await genRandom(client, { random_data_length, sequence });
      t.strictSame(
        Object.keys(answer),
        ['random_data', 'httpStatusCode'],
        'the SDK adds the status',
      );
      t.match(answer, {
        random_data: new RegExp(`^[0-9A-F]{${digits}}$`),
        httpStatusCode: 200,
      });
    }
  }
});

t.test('the SDK reads nested errors only with code and message in them', async (t) => {
  const message = 'random_data_length must be 512 bits.';
  for (const [nodeSdkErrors, errorCode, errorMsg] of [
    [true, 'KMS.1801', message],
    [false, undefined, /status code 400/],
  ] as const) {
    const { port } = await startRealPath(t, { nodeSdkErrors });
    const failure = await genRandom(kmsClient(port), { random_data_length: '256' }).then(
      () => t.fail('must be refused'),
      (error) => error,
    );
    t.match(failure, { httpStatusCode: 400, errorMsg }, `nodeSdkErrors ${nodeSdkErrors}`);
    t.equal(failure.errorCode, errorCode);
  }
});

t.test(
  'the signature of the SDK is verified, with a temporary key too, and it is told why one is refused',
  async (t) => {
    const credentials = join(t.testdir(), 'credentials.toml');
    const entry = (name: string, more: string) =>
      `[[key]]\nname = "${name}"\naccess_key = "${name}"\nsecret_key = "sk"\n${more}\n`;
    writeFileSync(
      credentials,
      [
        entry('app', 'project_id = "project"'),
        entry('temporary', 'session_token = "session/token+=="'),
        entry('other', 'project_id = "another"'),
        entry('denied', 'allow = []'),
        entry('expired', 'expires = 2020-01-01T00:00:00Z'),
      ].join(''),
      { mode: 0o600 },
    );
    const { port } = await startRealPath(t, { credentials, nodeSdkErrors: true });
    const verifyFault = 'Incorrect IAM authentication information: verify aksk signature fail';
    for (const [ak, sk, token, errorCode, errorMsg] of [
      ['app', 'sk', undefined, undefined, undefined],
      ['temporary', 'sk', 'session/token+==', undefined, undefined],
      ['app', 'x', undefined, 'APIGW.0301', verifyFault],
      [
        'nobody',
        'sk',
        undefined,
        'APIGW.0301',
        'Incorrect IAM authentication information: ak nobody not exist',
      ],
      ['temporary', 'sk', undefined, 'APIGW.0301', verifyFault],
      ['temporary', 'sk', 'x', 'APIGW.0301', verifyFault],
      ['expired', 'sk', undefined, 'APIGW.0301', /token expires, expires_at: 2020-01-01/],
      ['other', 'sk', undefined, 'KMS.0321', 'URIs in URL and X-Auth-Token do not match.'],
      ['denied', 'sk', undefined, 'KMS.0330', 'User has no permission.'],
    ] as const) {
      const outcome = genRandom(kmsClient(port, ak, sk, token), { random_data_length: '512' });
      const title = `${ak} ${sk} ${token}`;
      if (errorCode === undefined)
        t.match(await outcome, { random_data: /^[0-9A-F]{128}$/ }, title);
      else t.match(await outcome.catch((error) => error), { errorCode, errorMsg }, title);
    }
  },
);

t.test('the SDK is told each fault of a request by its code', async (t) => {
  const bits = (random_data_length: unknown) => ({ random_data_length });
  const range = 'random_data_length must be in the range 8 bits to 8,192 bits.';
  const shortSequence = { ...bits('512'), sequence: sequence.slice(1) };
  for (const [dialect, table] of [
    [
      'otc',
      [
        [{}, 'KMS.0204', 'Parameters missing in the request message.'],
        [shortSequence, 'KMS.0206', 'Invalid sequence number.'],
        [bits('x'), 'KMS.0308', 'Invalid parameter.'],
        [bits('256'), 'KMS.1801', 'random_data_length must be 512 bits.'],
      ],
    ],
    [
      'hwc',
      [
        [bits('0'), 'KMS.1801', range],
        [bits('8200'), 'KMS.1801', range],
        [bits('12'), 'KMS.1802', 'random_data_length must be a multiple of 8.'],
      ],
    ],
  ] as const) {
    const { port } = await startRealPath(t, { dialect, nodeSdkErrors: true });
    for (const [data, errorCode, errorMsg] of table) {
      const failure = await genRandom(kmsClient(port), data).catch((error) => error);
      t.match(failure, { httpStatusCode: 400, errorCode, errorMsg }, errorCode);
    }
  }
});

t.test('a clock may be wrong by fifteen minutes; beyond that the SDK is told', async (t) => {
  const credentials = join(t.testdir(), 'credentials.toml');
  writeFileSync(
    credentials,
    '[[key]]\nname = "app"\naccess_key = "app"\nsecret_key = "sk"\nsession_token = "st"\n',
    { mode: 0o600 },
  );
  const { port } = await startRealPath(t, { credentials, nodeSdkErrors: true });
  const client = kmsClient(port, 'app', 'sk', 'st');
  for (const [minutes, isRight] of [
    [-16, false],
    [-14, true],
    [14, true],
    [16, false],
  ] as const) {
    const time = new Date(Date.now() + minutes * 60_000).toISOString().replace(/[-:]|\.\d+/g, '');
    const outcome = genRandom(client, { random_data_length: '512' }, { 'X-Sdk-Date': time });
    if (isRight) t.match(await outcome, { random_data: /^[0-9A-F]{128}$/ }, `${minutes} min`);
    else
      t.match(await outcome.catch((error) => error), {
        httpStatusCode: 401,
        errorCode: 'APIGW.0301',
        errorMsg:
          'Incorrect IAM authentication information: calc ak sk signature fail:signature expired',
      });
  }
});

t.test('the SDK sees a generator that fails as a failure of the service', async (t) => {
  for (const [code, httpStatusCode, errorCode] of [
    ['ERR_HEALTH', 500, 'KMS.0101'],
    ['ERR_NOT_SEEDED', 503, 'KMS.0104'],
  ] as const) {
    const client = failingSource(new EntropyError(code, 'x'));
    const { port } = await startRealPath(t, { client, nodeSdkErrors: true });
    const failure = genRandom(kmsClient(port), { random_data_length: '512' });
    t.match(await failure.catch((error) => error), { httpStatusCode, errorCode }, code);
  }
});

t.test(
  'a token, a signed user-agent and malformed JSON, which the SDK does not send',
  async (t) => {
    const credentials = join(t.testdir(), 'credentials.toml');
    writeFileSync(
      credentials,
      [
        '[[key]]\nname = "app"\naccess_key = "app"\nsecret_key = "sk"\n',
        '[[token]]\nname = "token"\ntoken = "good"\nproject_id = "project"\n',
        '[[token]]\nname = "expired"\ntoken = "old"\nexpires = 2020-01-01T00:00:00Z\n',
      ].join(''),
      { mode: 0o600 },
    );
    const { port } = await startRealPath(t, { credentials });
    const path = '/v1.0/project/kms/gen-random';
    const body = '{"random_data_length":512}';
    const signed = signSdkHmac(
      {
        method: 'POST',
        path,
        query: [],
        headers: [
          ['host', [`127.0.0.1:${port}`]],
          ['content-type', ['application/json;charset=utf-8']],
          ['user-agent', ['huaweicloud-usdk-python/3.0']],
        ],
        body: Buffer.from(body),
      },
      { accessKey: 'app', secretKey: 'sk', time: Math.trunc(Date.now() / 1000) * 1000 },
    ).rawHeaders;
    const signedHeaders = Object.fromEntries(
      signed.flatMap((name, at) => (at % 2 === 0 ? [[name, signed[at + 1] ?? '']] : [])),
    );
    const holding = (token: string) => ({ 'x-auth-token': token });
    for (const [title, request, status, answer] of [
      ['signed user-agent', { headers: signedHeaders }, 200, /^\{"random_data":"[0-9A-F]{128}"\}$/],
      ['token', { headers: holding('good') }, 200, /^\{"random_data":"[0-9A-F]{128}"\}$/],
      ['no JSON', { headers: holding('good'), body: '{bad' }, 400, /"KMS\.0202"/],
      ['GET', { method: 'GET', headers: holding('good'), body: '' }, 405, /"KMS\.0215"/],
      ['expired', { headers: holding('old') }, 401, /"APIGW\.0301"/],
      ['project', { headers: holding('good'), path: '/v1.0/x/kms/gen-random' }, 403, /"KMS\.0321"/],
      ['no API', { headers: holding('good'), path: '/v1.0/x' }, 404, /"APIGW\.0101"/],
    ] as const)
      t.match(
        await call({ port, method: 'POST', path, body, ...request }),
        { status, body: answer, headers: { 'x-request-id': /^[0-9a-f]{32}$/ } },
        title,
      );
  },
);
