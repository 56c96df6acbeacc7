import fc from 'fast-check';
import t from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import {
  type AwsCredentials,
  type AwsSigning,
  awsService,
  createSigner as createSignerFor,
} from '../../../src/apis/aws-kms/upstream.js';
import { upstreamTarget } from '../../../src/apis/upstream/endpoint.js';
import { apiRequest } from '../../support/gateway.js';
import { verifySignature } from '../../support/signing/verify-signature.js';

const credentials = { accessKeyId: 'AKIDGATEWAY', secretAccessKey: 'gateway secret' };
const provider = async () => credentials;

/** What a signer for `url` adds and keeps. */
function createSigner(url: string, signing: AwsSigning = { credentials: provider }) {
  const sign = createSignerFor(upstreamTarget(awsService, { url, resign: true }), signing);
  return async (request: ApiRequest) => {
    const { path, headers } = await sign(request);
    if (path !== '/') throw new Error(`KMS has no path ${path}`);
    return headers;
  };
}

/** A request as an SDK signs it, for eu-west-1. */
const clientRequest = (body = '{"KeyId":"k"}', headers: Record<string, string> = {}) =>
  apiRequest({
    query: 'X-Amz-Signature=client',
    headers: {
      host: 'gateway:8478',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDCLIENT/20260101/eu-west-1/kms/aws4_request, SignedHeaders=host, Signature=client',
      'x-amz-date': '20200101T000000Z',
      'x-amz-security-token': 'client token',
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'TrentService.DescribeKey',
      ...headers,
    },
    body: Buffer.from(body),
  });

const verified = (headers: Record<string, string>, body: Buffer, secret: string) =>
  verifySignature(
    { method: 'POST', path: '/', rawHeaders: Object.entries(headers).flat(), body },
    secret,
  );

t.test('signs with credentials of its own, and nothing of the client is left', async (t) => {
  const sign = createSigner('https://kms.us-east-1.amazonaws.com');
  const request = clientRequest();
  const headers = await sign(request);
  t.match(verified(headers, request.body, credentials.secretAccessKey), {
    accessKey: 'AKIDGATEWAY',
    region: 'us-east-1',
    service: 'kms',
  });
  t.equal(headers.host, 'kms.us-east-1.amazonaws.com');
  t.notMatch(JSON.stringify(headers), /client|eu-west-1|20200101|gateway:8478/i);
  t.equal(verified(headers, Buffer.from('{}'), credentials.secretAccessKey), undefined, 'body');
  t.equal(verified(headers, request.body, 'another'), undefined, 'secret');
});

t.test("every header that it sends but the client program's name is signed", async (t) => {
  const sign = createSigner('https://kms.us-east-1.amazonaws.com', {
    credentials: async () => ({ ...credentials, sessionToken: 'gateway token' }),
  });
  const request = clientRequest('{}', { 'user-agent': 'aws-cli' });
  const headers = await sign(request);
  t.match(headers, { 'x-amz-security-token': 'gateway token' });
  const { signed = [] } = verified(headers, request.body, credentials.secretAccessKey) ?? {};
  const unsigned = Object.keys(headers).filter((name) => !signed.includes(name));
  t.strictSame(unsigned.sort(), ['authorization', 'user-agent']);
});

t.test(
  "takes the region of the option, else of the host, else of the client's signature",
  async (t) => {
    const query = 'X-Amz-Credential=AKID%2F20260101%2Fap-south-1%2Fkms%2Faws4_request&X-Amz-Date=1';
    const { authorization: _, ...presigned } = clientRequest().headers;
    for (const [name, url, option, request, region] of [
      ['option', 'https://kms.us-east-1.amazonaws.com', 'us-west-2', {}, 'us-west-2'],
      ['host', 'https://kms.us-east-1.amazonaws.com', undefined, {}, 'us-east-1'],
      ['FIPS', 'https://kms-fips.us-gov-west-1.amazonaws.com', undefined, {}, 'us-gov-west-1'],
      ['China', 'https://kms.cn-north-1.amazonaws.com.cn', undefined, {}, 'cn-north-1'],
      ['dual stack', 'https://kms.us-east-1.api.aws', undefined, {}, 'us-east-1'],
      ['Europe', 'https://kms.eusc-de-east-1.amazonaws.eu', undefined, {}, 'eusc-de-east-1'],
      [
        'VPC endpoint',
        'https://vpce-1a-2b.kms.us-east-1.vpce.amazonaws.com',
        undefined,
        {},
        'us-east-1',
      ],
      ['a dot at the end', 'https://KMS.us-east-1.AMAZONAWS.com.', undefined, {}, 'us-east-1'],
      ['header', 'https://kms.example', undefined, {}, 'eu-west-1'],
      ['query', 'https://kms.example', undefined, { headers: presigned, query }, 'ap-south-1'],
    ] as const) {
      const sign = createSigner(url, { credentials: provider, region: option });
      const asked = { ...clientRequest(), ...request };
      const headers = await sign(asked);
      t.equal(verified(headers, asked.body, credentials.secretAccessKey)?.region, region, name);
    }
    const sign = createSigner('https://kms.example');
    await t.rejects(sign(apiRequest()), { code: 'ERR_UPSTREAM', message: /no region/ });
  },
);

t.test('asks for credentials each time, and passes on why there are none', async (t) => {
  const given: AwsCredentials[] = [credentials, { ...credentials, accessKeyId: 'AKIDNEXT' }];
  const sign = createSigner('https://kms.us-east-1.amazonaws.com', {
    credentials: async () => {
      const next = given.shift();
      if (next === undefined) throw new Error('none left');
      return next;
    },
  });
  t.match(await sign(clientRequest()), { authorization: /Credential=AKIDGATEWAY\// });
  t.match(await sign(clientRequest()), { authorization: /Credential=AKIDNEXT\// });
  await t.rejects(sign(clientRequest()), { message: 'none left' });
});

t.test("the SDK's chain is the default provider", async (t) => {
  const before = { ...process.env };
  t.teardown(() => {
    process.env = before;
  });
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'AKIDENV', AWS_SECRET_ACCESS_KEY: 'env secret' });
  delete process.env.AWS_PROFILE;
  delete process.env.AWS_SESSION_TOKEN;
  const request = clientRequest();
  const headers = await createSigner('https://kms.us-east-1.amazonaws.com', {})(request);
  t.match(verified(headers, request.body, 'env secret'), { accessKey: 'AKIDENV' });
});

t.test('whatever body and headers a client sends, the signature verifies', async (t) => {
  const sign = createSigner('https://kms.us-east-1.amazonaws.com');
  const value = fc.string({ unit: fc.constantFrom(' ', 'a', ',', ';', '=') });
  await t.resolves(
    fc.assert(
      fc.asyncProperty(fc.string(), value, value, async (text, accept, agent) => {
        const request = clientRequest(text, {
          accept: accept.trim(),
          'x-amz-user-agent': agent.trim(),
        });
        const headers = await sign(request);
        return verified(headers, request.body, credentials.secretAccessKey) !== undefined;
      }),
    ),
  );
});
