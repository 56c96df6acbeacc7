import t from 'tap';
import { createAwsKms } from '../../../src/apis/aws-kms/api.js';
import { checkClaims, outcomeOf } from '../../support/claims.js';
import { accessOf, credentials, day, minute, now, signerOf } from '../../support/credentials.js';
import { answerOf, fakeSource, openAccess } from '../../support/gateway.js';
import { type Signer, awsRequest as signed } from '../../support/signing/signed-calls.js';

const api = createAwsKms({});
const key = (changed: Partial<Signer> = {}) => signed(signerOf('default', changed));
const temporary = (changed: Partial<Signer> = {}) => signed(signerOf('temporary', changed));
const { sessionToken: _, ...sessionless } = signerOf('temporary');

t.test('knows who signed, and tells everybody else why not', async (t) => {
  const late = { time: now + day };
  await checkClaims(t, api, [
    { title: 'a key', request: key(), is: 'default-key' },
    { title: 'a temporary key', request: temporary(), is: 'temporary-key' },
    {
      title: 'its last moment',
      request: temporary({ time: now + day - minute }),
      is: 'temporary-key',
      later: day - 1,
    },
    { title: 'an expired key', request: temporary(late), is: 'ExpiredTokenException', later: day },
    {
      title: 'an expired key and another secret',
      request: temporary({ ...late, secretKey: 'x' }),
      is: 'InvalidSignatureException',
      later: day,
    },
    {
      title: 'an unknown key',
      request: key({ accessKey: 'X' }),
      is: 'UnrecognizedClientException',
    },
    {
      title: 'an unknown key with a wrong clock',
      request: key({ accessKey: 'X', time: 0 }),
      is: 'UnrecognizedClientException',
    },
    {
      title: 'another secret',
      request: key({ secretKey: 'x' }),
      is: 'InvalidSignatureException',
    },
    {
      title: 'a wrong clock',
      request: key({ time: now - 6 * minute }),
      is: 'InvalidSignatureException',
    },
    ...[
      ['a session token too many', key({ sessionToken: 'session' })],
      ['another session token', temporary({ sessionToken: 'x' })],
      ['no session token', signed(sessionless)],
    ].map(([title, request]) => ({
      title: title as string,
      request: request as ReturnType<typeof key>,
      is: 'UnrecognizedClientException',
    })),
  ]);
});

t.test('an open gateway wants a well-formed signature, and knows nobody', async (t) => {
  const request = key({ secretKey: 'x', time: 0 });
  t.match(await answerOf(api, request), { status: 200 });
  t.equal(request.audit.key, null);
});

t.test('takes only regions that are configured, also if it is open', async (t) => {
  for (const [regions, status] of [
    [[], 200],
    [['us-east-1', 'eu-central-1'], 200],
    [['us-east-1'], 400],
  ] as const) {
    const answer = await answerOf(createAwsKms({ regions }), key(), fakeSource(), openAccess);
    t.equal(answer.status, status, regions.join());
    if (status === 400) t.match(answer.body, /"InvalidSignatureException".*'eu-central-1'/);
  }
});

t.test('a denial names who asks and what for, in the words of AWS', async (t) => {
  const request = signed(signerOf('denied'));
  const { body } = await answerOf(api, request, fakeSource(), accessOf());
  t.equal(
    JSON.parse(body).Message,
    'User: arn:aws:iam::000000000000:user/denied-key is not authorized to perform: kms:GenerateRandom on resource: * because no identity-based policy allows the kms:GenerateRandom action',
  );
});

t.test('signing keys of secrets that may be gone are forgotten', async (t) => {
  t.equal(await outcomeOf(api, key()), 'ok');
  const other = accessOf(credentials.replace('"secret-default"', '"other"'));
  api.forget?.();
  t.equal(await outcomeOf(api, key(), other), 'InvalidSignatureException');
  t.equal(await outcomeOf(api, key({ secretKey: 'other' }), other), 'ok');
});
