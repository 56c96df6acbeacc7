import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import {
  createHuaweiUpstream,
  createSigner,
  type HuaweiCredentials,
  huaweiOperation,
  huaweiService,
  ownCredentials,
} from '../../../src/apis/huawei-kms/upstream.js';
import { upstreamTarget } from '../../../src/apis/upstream/endpoint.js';
import { apiRequest } from '../../support/gateway.js';
import { signSdkHmac } from '../../support/signing/sdk-hmac-signer.js';

const time = Date.UTC(2026, 5, 1, 12);
const host = 'kms.eu-de.otc.t-systems.com';
const own: HuaweiCredentials = { accessKey: 'AKGATEWAY', secretKey: 'gateway secret' };

/** A request as an SDK signs it. */
const clientRequest = (overrides: Partial<ApiRequest> = {}) =>
  apiRequest({
    path: '/v1.0/project/kms/create-key',
    headers: {
      host: 'gateway:8478',
      authorization: 'SDK-HMAC-SHA256 Access=AKCLIENT, SignedHeaders=x-sdk-date, Signature=client',
      'x-sdk-date': '20200101T000000Z',
      'x-auth-token': 'client token',
      'x-security-token': 'client token',
      'x-sdk-content-sha256': 'client hash',
      'x-project-id': 'client project',
      'x-domain-id': 'client domain',
      cookie: 'client',
      'x-forwarded-for': '10.0.0.1',
      'content-type': 'application/json;charset=UTF-8',
      'content-length': '9999',
      'user-agent': 'huaweicloud-usdk-go/3.0',
    },
    body: Buffer.from('{"key_alias":"a"}'),
    ...overrides,
  });

const signer = (credentials = own) =>
  createSigner({ host }, { credentials: async () => credentials, now: () => time });

/** Authorization as the specification wants it for these headers. */
function wanted(
  { method, body }: ApiRequest,
  path: string,
  query: readonly (readonly [string, string])[],
  headers: Readonly<Record<string, string>>,
  { accessKey, secretKey }: HuaweiCredentials = own,
): string | undefined {
  const signed = ['content-type', 'host', 'x-project-id', 'x-security-token'];
  const fields = Object.entries(headers)
    .filter(([name]) => signed.includes(name))
    .map(([name, value]) => [name, [value]] as const);
  const { rawHeaders } = signSdkHmac(
    { method, path, query, headers: fields, body },
    { accessKey, secretKey, time },
  );
  return rawHeaders.at(-1);
}

t.test('every operation of the SDKs has its name, and nothing else has one', async (t) => {
  const id = '0d0466b0-e727-4d9c-b35d-f84bb474a37f';
  for (const [method, path, operation] of [
    ['POST', '/v1.0/p/kms/create-key', 'create-key'],
    ['POST', '/v1.0/p/kms/decrypt-data', 'decrypt-data'],
    ['POST', '/v1.0/p/kms/get-publickey', 'get-publickey'],
    ['POST', `/v1.0/p/kms/${id}/tags`, 'create-kms-tag'],
    ['GET', `/v1.0/p/kms/${id}/tags`, 'show-kms-tags'],
    ['POST', `/v1.0/p/kms/${id}/tags/action`, 'batch-create-kms-tags'],
    ['DELETE', `/v1.0/p/kms/${id}/tags/env.name`, 'delete-tag'],
    ['DELETE', `/v1.0/p/kms/${id}/tags/%E4%B8%AD%20%3D`, 'delete-tag'],
    ['GET', '/v1.0/p/kms/tags', 'list-kms-tags'],
    ['POST', '/v1.0/p/kms/resource_instances/action', 'list-kms-by-tags'],
    ['GET', '/v1.0/p/kms/user-instances', 'show-user-instances'],
    ['GET', '/v1.0/p/kms/user-quotas', 'show-user-quotas'],
    ['POST', '/v1.0/p/kms/aliases', 'create-alias'],
    ['GET', '/v1.0/p/kms/aliases', 'list-aliases'],
    ['DELETE', '/v1.0/p/kms/aliases', 'delete-alias'],
    ['POST', '/v1.0/p/kms/alias/associate', 'associate-alias'],
    ['POST', '/v1.0/p/keystores', 'create-key-store'],
    ['GET', '/v1.0/p/keystores', 'list-key-stores'],
    ['GET', `/v1.0/p/keystores/${id}`, 'show-key-store'],
    ['DELETE', `/v1.0/p/keystores/${id}`, 'delete-key-store'],
    ['POST', `/v1.0/p/keystores/${id}/enable`, 'enable-key-store'],
    ['POST', `/v1.0/p/keystores/${id}/disable`, 'disable-key-store'],
    ['GET', '/v2/p/kms/regions', 'list-support-regions'],
    ['POST', `/v2/p/kms/keys/${id}/replicate`, 'replicate-key'],
    ['PUT', `/v2/p/kms/keys/${id}/update-primary-region`, 'update-primary-region'],
  ] as const)
    t.strictSame(
      { ...huaweiOperation({ method, path }) },
      { operation, projectId: 'p' },
      `${method} ${path}`,
    );
  for (const [method, path] of [
    ['POST', '/v1.0/p/kms/gen-random'],
    ['POST', '/v1.0/p/kms/gen-random/'],
    ['POST', '/v1.0/p/kms/gen%2Drandom'],
    ['POST', '/v1.0/p/kms/GEN-RANDOM'],
    ['POST', '/v1.0/p/kms//gen-random'],
    ['POST', '/v1.0/p/kms/./gen-random'],
    ['POST', '/v2/p/kms/gen-random'],
    ['GET', '/v1.0/p/kms/gen-random'],
    ['GET', '/v1.0/p/kms/create-key'],
    ['PATCH', '/v1.0/p/kms/create-key'],
    ['POST', '/v1.0/../kms/create-key'],
    ['POST', '/v1.0/%70/kms/create-key'],
    ['POST', '/v1.0//kms/create-key'],
    ['POST', '/v1.0/p/ecs/create-key'],
    ['POST', 'http://x/v1.0/p/kms/create-key'],
    ['POST', `/v1.0/p/kms/${'a'.repeat(65)}`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/..`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/%2e%2E`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/a%2fb`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/a%5Cb`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/a%00`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/..;x`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/%2E.%3b`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/a%252fb`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/a%c0%afb`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/%c0%ae%c0%ae`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/a%3fb`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/a%23b`],
    ['DELETE', `/v1.0/p/kms/${id}/tags/`],
    ['GET', '/v1.0/p/kms'],
    ['GET', '/v1.0/'],
    ['GET', '/'],
  ] as const)
    t.equal(huaweiOperation({ method, path }), undefined, `${method} ${path}`);
});

t.test('whatever the path, no form of gen-random is an operation of the upstream', async (t) => {
  const part = fc.constantFrom(
    ...[
      '/',
      'v1.0',
      'v2',
      'p',
      'kms',
      'gen-random',
      'gen%2drandom',
      '%2e',
      '..',
      'keys',
      'tags',
      '',
    ],
  );
  const method = fc.constantFrom('POST', 'GET', 'DELETE', 'PUT');
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(method, fc.array(part, { maxLength: 12 }), (method, parts) => {
        const { operation } = huaweiOperation({ method, path: `/${parts.join('/')}` }) ?? {};
        return operation !== 'gen-random';
      }),
    ),
  );
});

t.test('signs with the access key of the gateway, and nothing of the client is left', async (t) => {
  for (const [name, request, query, path] of [
    ['a body', clientRequest(), [], '/v1.0/project/kms/create-key'],
    [
      'a query',
      clientRequest({
        method: 'GET',
        path: '/v1.0/project/keystores',
        query: 'marker=%2Fb&limit=10&marker=a',
        body: Buffer.alloc(0),
      }),
      [
        ['marker', '/b'],
        ['limit', '10'],
        ['marker', 'a'],
      ],
      '/v1.0/project/keystores?marker=%2Fb&limit=10&marker=a',
    ],
    [
      'an encoded path',
      clientRequest({ method: 'DELETE', path: '/v1.0/project/kms/id/tags/%e4%b8%ad~' }),
      [],
      '/v1.0/project/kms/id/tags/%e4%b8%ad~',
    ],
  ] as const) {
    const signed = await signer()(request);
    t.equal(signed.path, path, name);
    const { authorization, ...rest } = signed.headers;
    t.strictSame(
      rest,
      {
        host,
        'x-sdk-date': '20260601T120000Z',
        'x-project-id': 'project',
        'content-type': 'application/json;charset=UTF-8',
        'content-length': String(request.body.length),
        'user-agent': 'huaweicloud-usdk-go/3.0',
      },
      name,
    );
    t.equal(authorization, wanted(request, request.path, query, signed.headers), name);
    t.match(
      authorization,
      /Access=AKGATEWAY, SignedHeaders=content-type;host;x-project-id;x-sdk-date, /,
    );
  }
});

t.test('the security token of a temporary key is sent and signed', async (t) => {
  const request = clientRequest();
  const credentials = { ...own, securityToken: 'gateway/token+==' };
  const { headers } = await signer(credentials)(request);
  t.equal(headers['x-security-token'], 'gateway/token+==');
  t.match(headers.authorization, /;x-security-token, /);
  t.equal(headers.authorization, wanted(request, request.path, [], headers));
});

t.test('the environment has the key, under the names of both SDKs', async (t) => {
  const huawei = { HUAWEICLOUD_SDK_AK: 'a', HUAWEICLOUD_SDK_SK: 'b' };
  const otc = { OS_ACCESS_KEY: 'c', OS_SECRET_KEY: 'd', OS_SECURITY_TOKEN: 'e' };
  const [fromHuawei, fromOtc] = [
    { accessKey: 'a', secretKey: 'b', securityToken: undefined },
    { accessKey: 'c', secretKey: 'd', securityToken: 'e' },
  ];
  for (const [environment, wanted] of [
    [huawei, fromHuawei],
    [
      { ...huawei, HUAWEICLOUD_SDK_SECURITY_TOKEN: 't' },
      { ...fromHuawei, securityToken: 't' },
    ],
    [{ ...huawei, ...otc }, fromHuawei],
    [{ HUAWEICLOUD_SDK_AK: 'a', ...otc }, fromOtc],
    [{ ...huawei, HUAWEICLOUD_SDK_SK: '', ...otc }, fromOtc],
  ] as const)
    t.strictSame(await ownCredentials(environment), wanted, JSON.stringify(environment));
  for (const environment of [{}, { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' }])
    await t.rejects(ownCredentials(environment), {
      code: 'ERR_UPSTREAM',
      message:
        'no access key to sign with: want HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or OS_ACCESS_KEY and OS_SECRET_KEY, or HUAWEICLOUD_SDK_CREDENTIALS_FILE',
    });
});

t.test("or it names a private file in the form of Huawei's SDKs", async (t) => {
  const path = join(t.testdir(), 'credentials');
  const environment = { HUAWEICLOUD_SDK_CREDENTIALS_FILE: path };
  const given = (text: string, mode = 0o600) => {
    writeFileSync(path, text);
    chmodSync(path, mode);
    return ownCredentials(environment);
  };
  const basic = '[global]\nak = x\nsk = x\n[basic]\n# mine\nak = a\nsk: b=:c \nproject_id = p\n';
  t.strictSame(await given(basic), { accessKey: 'a', secretKey: 'b=:c', securityToken: undefined });
  t.match(await given(`${basic}security_token=t/+==\r\n[other]\nak=x\n`), {
    accessKey: 'a',
    securityToken: 't/+==',
  });
  t.match(await given(basic.replace('ak = a', 'ak = renewed')), { accessKey: 'renewed' });
  const inEnvironment = { ...environment, HUAWEICLOUD_SDK_AK: 'e', HUAWEICLOUD_SDK_SK: 's' };
  t.match(await ownCredentials(inEnvironment), { accessKey: 'e' }, 'the environment is first');
  for (const [title, text, mode, message] of [
    ['others may read it', basic, 0o644, /mode 0644 lets other users reach it; chmod 600 it$/],
    ['no secret key', '[basic]\nak = WonderfulSecret\n', 0o600, /: want ak and sk in the section/],
    ['no section', 'ak = a\nsk = WonderfulSecret\n', 0o600, /: want ak and sk in the section/],
    ['empty', '', 0o600, /: want ak and sk in the section/],
  ] as const) {
    const error = await given(text, mode).catch((error) => error);
    t.match(error, { code: 'ERR_UPSTREAM', message }, title);
    t.notMatch(error.message, /Wonderful/, title);
  }
  rmSync(path);
  await t.rejects(ownCredentials(environment), { code: 'ERR_UPSTREAM', message: /ENOENT/ });
});

t.test('the environment of this process is the default', async (t) => {
  const before = { ...process.env };
  t.teardown(() => {
    process.env = before;
  });
  Object.assign(process.env, { HUAWEICLOUD_SDK_AK: 'AKENV', HUAWEICLOUD_SDK_SK: 'secret' });
  const { headers } = await createSigner({ host })(clientRequest());
  t.match(headers.authorization, /Access=AKENV, /);
  t.match(headers['x-sdk-date'], /^20\d{6}T\d{6}Z$/);
});

t.test("requests to the clouds' own domains are signed again, over https only", async (t) => {
  for (const [url, resign] of [
    ['https://kms.eu-de.otc.t-systems.com', true],
    ['https://kms.eu-ch2.sc.otc.t-systems.com', true],
    ['https://kms.cn-north-4.myhuaweicloud.com', true],
    ['https://kms.eu-west-101.myhuaweicloud.eu', true],
    ['https://kms.eu-central-1.amazonaws.com', false],
    ['https://t-systems.com', false],
    ['https://notmyhuaweicloud.com', false],
    ['http://127.0.0.1:9', false],
  ] as const) {
    t.match(upstreamTarget(huaweiService, { url }), { resign, isEmulator: !resign }, url);
    const upstream = createHuaweiUpstream({ url });
    t.equal(upstream.resign, resign, url);
    await upstream.close();
  }
  for (const options of [
    { url: 'http://kms.eu-de.otc.t-systems.com' },
    { url: 'http://kms.example', resign: true },
  ])
    t.throws(() => createHuaweiUpstream(options), {
      code: 'ERR_CONFIG',
      key: 'gateway.huawei_upstream',
    });
});
