import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BasicCredentials } from '@huaweicloud/huaweicloud-sdk-core';
import { HcClient } from '@huaweicloud/huaweicloud-sdk-core/HcClient.js';
import { DefaultHttpClient } from '@huaweicloud/huaweicloud-sdk-core/http/DefaultHttpClient.js';
import t from 'tap';
import { startRealPath } from './real-path.js';

const sequence = '919c82d4-8046-4722-9094-35c3c6524cff';

/**
 * A client with credentials that open nothing. Not by the SDK's ClientBuilder: that logs every error
 * to standard output and writes a file into the user's home.
 */
function kmsClient(port: number, ak = 'ak', sk = 'sk', securityToken?: string): HcClient {
  const silent = () => {};
  const logger = { debug: silent, info: silent, warn: silent, error: silent };
  const endpoints = [`http://127.0.0.1:${port}`];
  return new HcClient(new DefaultHttpClient({ logger } as never, endpoints))
    .withEndpoints(endpoints)
    .withCredential(new BasicCredentials({ ak, sk, projectId: 'project', securityToken } as never));
}

/** What Huawei's generated KMS client sends for CreateRandom. */
function genRandom(client: HcClient, data: Record<string, unknown>): Promise<object> {
  return client.sendRequest({
    method: 'POST',
    url: '/v1.0/{project_id}/kms/gen-random',
    contentType: 'application/json',
    queryParams: {},
    pathParams: { project_id: 'project' },
    headers: {},
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

t.test('the SDK is verified, also with a temporary key, and told why not', async (t) => {
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
    ['nobody', 'sk', undefined, 'APIGW.0301', verifyFault],
    ['temporary', 'sk', undefined, 'APIGW.0301', verifyFault],
    ['temporary', 'sk', 'x', 'APIGW.0301', verifyFault],
    ['expired', 'sk', undefined, 'APIGW.0301', /token expires, expires_at: 2020-01-01/],
    ['other', 'sk', undefined, 'KMS.0321', 'URIs in URL and X-Auth-Token do not match.'],
    ['denied', 'sk', undefined, 'KMS.0330', 'User has no permission.'],
  ] as const) {
    const outcome = genRandom(kmsClient(port, ak, sk, token), { random_data_length: '512' });
    const title = `${ak} ${sk} ${token}`;
    if (errorCode === undefined) t.match(await outcome, { random_data: /^[0-9A-F]{128}$/ }, title);
    else t.match(await outcome.catch((error) => error), { errorCode, errorMsg }, title);
  }
});
