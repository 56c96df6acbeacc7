import t from 'tap';
import { createAccess } from '../../../src/gateway/credentials/access.js';
import { parseCredentialsFile } from '../../../src/gateway/credentials/credentials-file.js';
import { accessOf } from '../support.js';

const limited = (rate: number) =>
  `[[token]]\nname = "t"\ntoken = "abc"\nrequests_per_second = ${rate}\n`;

t.test('is open until credentials are adopted, and then has those alone', async (t) => {
  const access = createAccess(['eu-central-1']);
  t.equal(access.credentials, undefined);
  t.strictSame(access.regions, ['eu-central-1']);
  t.strictSame(createAccess().regions, [], 'any region');
  access.adopt(parseCredentialsFile(limited(1), 'f'));
  t.equal(access.credentials?.token('abc')?.name, 't');
  access.adopt(parseCredentialsFile('', 'f'));
  t.match(access.credentials, { keys: 0, tokens: 0 });
  t.equal(access.credentials?.token('abc'), undefined);
});

t.test('derived keys of secrets that may be gone are forgotten', async (t) => {
  const access = createAccess();
  const scope = '20260101/r/kms/aws4_request';
  const key = access.derivedKeys.get('secret', scope);
  t.equal(access.derivedKeys.get('secret', scope), key, 'kept');
  access.adopt(parseCredentialsFile('', 'f'));
  t.not(access.derivedKeys.get('secret', scope), key);
});

t.test('takes requests by the steady clock, and goes on over an adoption', async (t) => {
  const access = accessOf(limited(2));
  const take = () => {
    const credential = access.credentials?.token('abc');
    return credential && access.take(credential);
  };
  t.strictSame([take(), take(), take()], [true, true, false]);
  access.adopt(parseCredentialsFile(limited(2), 'f'));
  t.equal(take(), false);
  access.clock += 500;
  t.strictSame([take(), take()], [true, false]);
  access.adopt(parseCredentialsFile(limited(2).replace(/requests.*/, ''), 'f'));
  t.strictSame([take(), take(), take()], [true, true, true], 'without a rate');
});

t.test('the clocks are the wall’s and one that never goes back', async (t) => {
  t.ok(Math.abs(createAccess().now() - Date.now()) < 1000);
});
