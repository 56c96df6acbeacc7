import t from 'tap';
import {
  createDerivedKeys,
  deriveKey,
  maxDerivedKeys,
} from '../../../src/gateway/signatures/derived-keys.js';

const scope = '20150830/us-east-1/iam/aws4_request';

t.test("AWS's published example is derived", async (t) => {
  // IAM User Guide, examples of signature keys.
  t.equal(
    deriveKey(
      'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
      '20120215/us-east-1/iam/aws4_request',
    ).toString('hex'),
    'f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d',
  );
});

t.test('a key is derived once for a secret and scope', async (t) => {
  const keys = createDerivedKeys();
  const key = keys.get('secret', scope);
  t.ok(key.equals(deriveKey('secret', scope)));
  t.equal(keys.get('secret', scope), key);
  for (const [secret, other] of [
    ['secret', scope.replace('30', '31')],
    ['Secret', scope],
    ['', scope],
    ['__proto__', scope],
  ] as const)
    t.ok(keys.get(secret, other).equals(deriveKey(secret, other)), `${secret} ${other}`);
});

t.test('keys that go are wiped: when all are cleared and when there are too many', async (t) => {
  const keys = createDerivedKeys(3);
  const wiped = (key: Buffer) => key.every((byte) => byte === 0);
  const first = keys.get('a', scope);
  keys.clear();
  t.ok(wiped(first));
  const kept = ['a', 'b', 'c'].map((secret) => keys.get(secret, scope));
  t.notOk(kept.some(wiped), 'three are kept');
  const fourth = keys.get('d', scope);
  t.ok(kept.every(wiped), 'the fourth wipes them');
  t.notOk(wiped(fourth));
  t.equal(keys.get('d', scope), fourth);
  t.ok(keys.get('a', scope).equals(deriveKey('a', scope)), 'and they are derived anew');
});

t.test('invented regions take no more than the limit', async (t) => {
  const keys = createDerivedKeys();
  const first = keys.get('secret', 'region 0');
  for (let i = 1; i < maxDerivedKeys; i++) keys.get('secret', `region ${i}`);
  t.equal(keys.get('secret', 'region 0'), first);
  keys.get('secret', 'one more');
  t.not(keys.get('secret', 'region 0'), first);
});
