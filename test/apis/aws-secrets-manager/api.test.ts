import * as sdk from '@aws-sdk/client-secrets-manager';
import t from 'tap';
import type { ApiRequest } from '../../../src/apis/api.js';
import { createAwsSecretsManager } from '../../../src/apis/aws-secrets-manager/api.js';
import { accessOf, signerOf } from '../../support/credentials.js';
import { answerOf, apiRequest, fakeSource, openAccess } from '../../support/gateway.js';
import { type Signer, signAws } from '../../support/signing/signed-calls.js';

const api = createAwsSecretsManager();
const target = { 'x-amz-target': 'secretsmanager.GetRandomPassword' };

const signed = (body = '{}', signer: Partial<Signer> = {}, headers: Record<string, string> = {}) =>
  apiRequest({
    headers: signAws(signerOf('default', { service: 'secretsmanager', ...signer }), body, {
      ...target,
      ...headers,
    }),
    body: Buffer.from(body),
  });

/** Far from one another, so that a password of few characters has all types. */
const source = fakeSource({
  random: async (size) => Uint8Array.from({ length: size }, (_, i) => i * 101),
});

t.test('answers with a password, and notes who asked for how many characters', async (t) => {
  for (const [body, form, size] of [
    ['{}', /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)(?=.*[^A-Za-z0-9])[!-~]{32}$/, 32],
    ['{"PasswordLength":4,"ExcludePunctuation":true}', /^[A-Za-z0-9]{4}$/, 4],
    ['{"PasswordLength":4096}', /^[!-~]{4096}$/, 4096],
  ] as const) {
    const request = signed(body);
    const answer = await answerOf(api, request, source, accessOf());
    t.match(answer, {
      status: 200,
      outcome: 'ok',
      headers: {
        'Content-Type': 'application/x-amz-json-1.1',
        'x-amzn-RequestId': 'id-1',
        'Cache-Control': 'no-cache, no-store, must-revalidate, private',
      },
    });
    t.match(JSON.parse(answer.body).RandomPassword, form);
    t.match(request.audit, { key: 'default-key', operation: 'GetRandomPassword', size });
  }
});

t.test('checks the request, the signature and the members, in that order', async (t) => {
  const { authorization: _, ...unsigned } = signed().headers;
  const request = (changed: Partial<ApiRequest>) =>
    apiRequest({ headers: unsigned, body: Buffer.from('{}'), ...changed });
  const named = (name: string) => ({ ...unsigned, 'x-amz-target': `secretsmanager.${name}` });
  const unknown = { __type: 'UnknownOperationException' };
  for (const [title, each, body] of [
    [
      'another path',
      request({ path: '/x', body: Buffer.from('{') }),
      {
        ...unknown,
        message:
          'AWS Secrets Manager is served at the path / only. Use an endpoint URL without a path.',
      },
    ],
    ['no JSON', request({ body: Buffer.from('{') }), { __type: 'SerializationException' }],
    ['no operation', request({ headers: named('') }), unknown],
    ['an unknown operation', request({ headers: named('Nope') }), unknown],
    [
      'no signature',
      request({}),
      { __type: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' },
    ],
    [
      'a signature for KMS',
      signed('{"PasswordLength":0}', { service: 'kms' }),
      {
        __type: 'InvalidSignatureException',
        message: "Credential should be scoped to correct service: 'secretsmanager'. ",
      },
    ],
    [
      'members',
      signed('{"PasswordLength":3}'),
      {
        __type: 'InvalidParameterException',
        Message: 'Password length is too short based on the required types.',
      },
    ],
  ] as const) {
    const answer = await answerOf(api, each);
    t.strictSame(JSON.parse(answer.body), body, title);
    t.match(answer, { status: 400, outcome: body.__type }, title);
  }
});

t.test('an operation of the service is named, another gets no text', async (t) => {
  const commands = Object.keys(sdk)
    .filter((name) => /^(?!GetRandomPassword)\w+Command$/.test(name))
    .map((name) => name.replace(/Command$/, ''));
  t.ok(commands.length > 20);
  for (const name of commands) {
    const request = signed('{}', {}, { 'x-amz-target': `secretsmanager.${name}` });
    const { body } = await answerOf(api, request, source, accessOf());
    t.match(JSON.parse(body).message, `Only GetRandomPassword is served here. For ${name}, use`);
  }
});

t.test('a denial names the action, and a rate its text', async (t) => {
  const ask = async (kind: 'denied' | 'limited', access = accessOf()) =>
    answerOf(api, signed('{}', signerOf(kind)), source, access);
  t.match(JSON.parse((await ask('denied')).body), {
    __type: 'AccessDeniedException',
    Message:
      'User: arn:aws:iam::000000000000:user/denied-key is not authorized to perform: secretsmanager:GetRandomPassword on resource: * because no identity-based policy allows the secretsmanager:GetRandomPassword action',
  });
  const access = accessOf();
  for (let i = 0; i < 2; i++) t.match(await ask('limited', access), { status: 200 });
  const { body } = await ask('limited', access);
  t.strictSame(JSON.parse(body), { __type: 'ThrottlingException', message: 'Rate exceeded' });
});

t.test('takes only regions that are configured, and its examples are for one', async (t) => {
  for (const [regions, status] of [
    [[], 200],
    [['us-east-1', 'eu-central-1'], 200],
    [['us-east-1'], 400],
  ] as const) {
    const each = createAwsSecretsManager(regions);
    t.equal((await answerOf(each, signed(), source, openAccess)).status, status, regions.join());
    const at = { url: 'http://127.0.0.1:8478', verifies: false, socketPath: undefined };
    t.match(each.examples(at)[0]?.command, `--region ${regions[0] ?? 'eu-central-1'} `);
  }
});

t.test('random bytes are wiped at once, and the password is bytes', async (t) => {
  const given: Uint8Array[] = [];
  const kept = fakeSource({
    async random(size) {
      const bytes = await source.random(size);
      given.push(bytes);
      return bytes;
    },
  });
  const answer = await api.answer(signed(), { ...kept, access: openAccess });
  t.ok(given.length > 0);
  t.ok(
    given.every((bytes) => bytes.every((byte) => byte === 0)),
    'bytes are wiped before the answer is sent',
  );
  t.ok(Buffer.isBuffer(answer.body), 'a password is in bytes');
});
