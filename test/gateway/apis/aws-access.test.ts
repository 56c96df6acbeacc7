import t from 'tap';
import {
  authorizeAws,
  authorizeForwarding,
  awsCaller,
} from '../../../src/gateway/apis/aws-access.js';
import { createAccess } from '../../../src/gateway/credentials/access.js';
import { awsRequest } from '../signatures/signed-calls.js';
import { accessOf, gatewayRequest } from '../support.js';

const now = Date.UTC(2026, 5, 1);
const key = { accessKey: 'AKID', secretKey: 'secret', time: now };
const temporary = { accessKey: 'ASID', secretKey: 'other', sessionToken: 'session', time: now };
const file = `[[key]]
name = "lasting"
access_key = "AKID"
secret_key = "secret"
requests_per_second = 2
[[key]]
name = "temporary"
access_key = "ASID"
secret_key = "other"
session_token = "session"
expires = 2026-06-02T00:00:00Z
allow = []
`;

t.test('knows who signed, and tells everybody else why not', async (t) => {
  const access = accessOf(file, now);
  const dayLater = accessOf(file, now + 86_400_000);
  for (const [title, request, result, where] of [
    ['a key', awsRequest(key), 'lasting'],
    ['a temporary key', awsRequest(temporary), 'temporary'],
    ['nobody', gatewayRequest(), 'MissingAuthenticationTokenException'],
    ['an unknown key', awsRequest({ ...key, accessKey: 'X' }), 'UnrecognizedClientException'],
    [
      'an unknown key with a wrong clock',
      awsRequest({ ...key, accessKey: 'X', time: 0 }),
      'UnrecognizedClientException',
    ],
    ['another secret', awsRequest({ ...key, secretKey: 'x' }), 'InvalidSignatureException'],
    ['a wrong clock', awsRequest({ ...key, time: now - 400_000 }), 'InvalidSignatureException'],
    [
      'a session token too many',
      awsRequest({ ...key, sessionToken: 'session' }),
      'UnrecognizedClientException',
    ],
    [
      'another session token',
      awsRequest({ ...temporary, sessionToken: 'x' }),
      'UnrecognizedClientException',
    ],
    [
      'no session token',
      awsRequest({ accessKey: 'ASID', secretKey: 'other', time: now }),
      'UnrecognizedClientException',
    ],
    [
      'an expired key',
      awsRequest({ ...temporary, time: now + 86_400_000 }),
      'ExpiredTokenException',
      dayLater,
    ],
    [
      'an expired key and another secret',
      awsRequest({ ...temporary, secretKey: 'x', time: now + 86_400_000 }),
      'InvalidSignatureException',
      dayLater,
    ],
    [
      'the last moment',
      awsRequest({ ...temporary, time: now + 86_399_000 }),
      'temporary',
      accessOf(file, now + 86_399_999),
    ],
  ] as const) {
    const outcome = () => {
      try {
        return awsCaller(request, where ?? access)?.name;
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    t.equal(outcome(), result, title);
  }
});

t.test('an open gateway wants a well-formed signature, and knows nobody', async (t) => {
  const access = createAccess();
  t.equal(awsCaller(awsRequest({ ...key, secretKey: 'x', time: 0 }), access), undefined);
  t.throws(() => awsCaller(gatewayRequest(), access), {
    code: 'MissingAuthenticationTokenException',
  });
});

t.test('takes only regions that are configured, also where it is open', async (t) => {
  for (const [regions, accepted] of [
    [[], true],
    [['us-east-1', 'eu-central-1'], true],
    [['us-east-1'], false],
  ] as const) {
    const call = () => awsCaller(awsRequest(key), createAccess(regions));
    if (accepted) t.doesNotThrow(call);
    else t.throws(call, { code: 'InvalidSignatureException', message: /'eu-central-1'/ });
  }
});

t.test('who is known may do what is allowed, as often as allowed', async (t) => {
  const access = accessOf(file, now);
  const [lasting, denied] = [awsCaller(awsRequest(key), access), access.credentials?.key('ASID')];
  const authorize = (caller = lasting) => authorizeAws(caller, 'GenerateRandom', access);
  t.throws(() => authorize(denied), {
    code: 'AccessDeniedException',
    status: 400,
    message:
      'User: arn:aws:iam::000000000000:user/temporary is not authorized to perform: kms:GenerateRandom because no identity-based policy allows the kms:GenerateRandom action',
  });
  t.throws(() => authorizeForwarding(lasting, 'CreateKey', access), {
    code: 'AccessDeniedException',
    message: /kms:CreateKey/,
  });
  t.doesNotThrow(() => authorize(), 'what is refused takes nothing from the rate');
  t.doesNotThrow(() => authorize());
  t.throws(() => authorize(), { code: 'ThrottlingException', status: 400 });
  access.clock += 500;
  t.doesNotThrow(() => authorize());
  for (let i = 0; i < 100; i++) authorizeAws(undefined, 'GenerateRandom', access);
  t.throws(
    () => authorizeForwarding(undefined, 'CreateKey', access),
    { code: 'AccessDeniedException', message: /user\/anonymous/ },
    'where nobody is known, nobody uses the upstream',
  );
});
