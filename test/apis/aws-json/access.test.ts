import t from 'tap';
import { authorize } from '../../../src/apis/aws-json/access.js';
import { ServiceError } from '../../../src/common/errors.js';
import { accessOf } from '../../support/credentials.js';

t.test('one grant of several suffices, and refusals take nothing from the rate', async (t) => {
  const access = accessOf();
  const credential = access.token('token-limited');
  if (credential === undefined) return t.fail('no such token');
  const action = {
    name: 'kms:Decrypt',
    grants: ['upstream', 'upstream:Decrypt'],
    throttled: () => new ServiceError('ThrottlingException', 400, 'own text'),
  };
  const ask = (allow: readonly string[]) =>
    authorize({ ...credential, allow: new Set(allow) }, access, action);
  for (const allow of [['upstream:Encrypt'], ['GenerateRandom', 'gen-random'], []])
    await t.rejects(ask(allow), {
      code: 'AccessDeniedException',
      status: 400,
      message:
        'User: arn:aws:iam::000000000000:user/limited-token is not authorized to perform: kms:Decrypt on resource: * because no identity-based policy allows the kms:Decrypt action',
    });
  for (const allow of [['upstream'], ['upstream:Decrypt']]) t.equal(await ask(allow), undefined);
  await t.rejects(ask(['upstream']), { code: 'ThrottlingException', message: 'own text' });
  await t.rejects(
    authorize(undefined, access, action),
    { code: 'AccessDeniedException', message: /user\/anonymous/ },
    'nobody unknown',
  );
});
