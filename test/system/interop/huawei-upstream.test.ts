/** --huawei-upstream before a double of the clouds' KMS, with Huawei's SDK for Node.js as the client. */
import { BasicCredentials } from '@huaweicloud/huaweicloud-sdk-core';
import { HcClient } from '@huaweicloud/huaweicloud-sdk-core/HcClient.js';
import { DefaultHttpClient } from '@huaweicloud/huaweicloud-sdk-core/http/DefaultHttpClient.js';
import t, { type Test } from 'tap';
import { connect } from '../../../src/client/client.js';
import { writePrivate } from '../../support/credentials.js';
import { serve } from '../../support/gateway.js';
import { createHuaweiKmsDouble, doubleDigits, type TakenByHuawei } from './huawei-kms-double.js';
import { startRealPath } from './real-path.js';

const client = ['AKCLIENT', 'client secret'] as const;
const own = ['AKGATEWAY', 'gateway secret'] as const;

/** The gateway's own access key, in its environment. */
function provide(t: Test, secret: string = own[1]): void {
  const before = { ...process.env };
  t.teardown(() => {
    process.env = before;
  });
  Object.assign(process.env, { HUAWEICLOUD_SDK_AK: own[0], HUAWEICLOUD_SDK_SK: secret });
}

/** Daemon and gateway in front of the double, with the SDK as the client. */
async function start(t: Test, resign: boolean, allow = '["gen-random", "huawei-upstream"]') {
  const taken: TakenByHuawei[] = [];
  const doublePort = await serve(t, createHuaweiKmsDouble(new Map([client, own]), taken));
  const credentials = writePrivate(
    t.testdir(),
    'credentials.toml',
    `[[key]]\nname = "client"\naccess_key = "${client[0]}"\nsecret_key = "${client[1]}"\nproject_id = "project"\nallow = ${allow}\n`,
  );
  const { port, socketPath } = await startRealPath(t, {
    credentials,
    huaweiUpstream: `http://127.0.0.1:${doublePort}`,
    huaweiUpstreamResign: resign,
    nodeSdkErrors: true,
  });
  const silent = () => {};
  const logger = { debug: silent, info: silent, warn: silent, error: silent };
  const endpoints = [`http://127.0.0.1:${port}`];
  const sdk = new HcClient(new DefaultHttpClient({ logger } as never, endpoints))
    .withEndpoints(endpoints)
    .withCredential(
      new BasicCredentials({ ak: client[0], sk: client[1], projectId: 'project' } as never),
    );
  const ask = <Answer>(operation: string, data?: object): Promise<Answer> =>
    sdk.sendRequest({
      method: data === undefined ? 'GET' : 'POST',
      url: `/v1.0/{project_id}/kms/${operation}`,
      contentType: 'application/json',
      queryParams: data === undefined ? { limit: '10', marker: 'a/b' } : {},
      pathParams: { project_id: 'project' },
      headers: {},
      ...(data === undefined ? {} : { data }),
    } as never) as Promise<Answer>;
  const daemon = connect({ socketPath });
  t.teardown(() => daemon.close());
  return { ask, taken, daemon };
}

for (const [way, resign, accessKey] of [
  ['passed through, under its own signature', false, client[0]],
  ['signed again', true, own[0]],
] as const)
  t.test(`the SDK creates a key, encrypts, decrypts and lists tags, ${way}`, async (t) => {
    provide(t);
    const { ask, taken, daemon } = await start(t, resign);
    const { key_info } = await ask<{ key_info: { key_id: string } }>('create-key', {
      key_alias: 'a',
    });
    const { key_id } = key_info;
    const sealed = await ask<{ cipher_text: string }>('encrypt-data', {
      key_id,
      plain_text: 'attack at dawn',
    });
    const opened = await ask<object>('decrypt-data', { cipher_text: sealed.cipher_text });
    t.match(opened, { key_id, plain_text: 'attack at dawn' });
    t.match(await ask<object>('tags'), { tags: [{ key: 'a' }] });
    const lines = ['POST create-key', 'POST encrypt-data', 'POST decrypt-data', 'GET tags'];
    t.strictSame(
      taken.map(({ line }) => line.replace('/v1.0/project/kms/', '').replace(/\?.*/, '')),
      lines,
    );
    for (const request of taken)
      t.match(request, { accessKey, bySdk: true, headers: { 'x-project-id': /project/ } });

    const before = (await daemon.status()).randomBytes;
    const random = await ask<{ random_data: string }>('gen-random', { random_data_length: '512' });
    t.match(random.random_data, /^[0-9A-F]{128}$/);
    t.not(random.random_data, doubleDigits, "none of the upstream's bytes");
    t.equal((await daemon.status()).randomBytes - before, 64, "the daemon's count");
    t.equal(taken.length, lines.length, 'the upstream was not asked');
    for (const { body } of taken) t.notMatch(body, new RegExp(random.random_data, 'i'));

    const missing = await ask('encrypt-data', { key_id: 'none', plain_text: '' }).catch((e) => e);
    t.match(missing, { httpStatusCode: 400 }, "the upstream's own refusal");
  });

t.test('a caller without the right gets the refusal of the API', async (t) => {
  const { ask, taken } = await start(t, false, '["gen-random", "huawei-upstream:encrypt-data"]');
  t.match(await ask('create-key', { key_alias: 'a' }).catch((error) => error), {
    httpStatusCode: 403,
    errorCode: 'KMS.0330',
    errorMsg: 'User has no permission.',
  });
  t.equal(taken.length, 0);
  await ask('encrypt-data', { key_id: 'none', plain_text: '' }).catch(() => {});
  t.equal(taken.length, 1);
});

t.test('a gateway whose own key is wrong is refused by the upstream, and says so', async (t) => {
  provide(t, 'wrong');
  const { ask, taken } = await start(t, true);
  t.match(await ask('create-key', { key_alias: 'a' }).catch((error) => error), {
    httpStatusCode: 401,
  });
  t.match(taken, [{ accessKey: undefined }]);
});
