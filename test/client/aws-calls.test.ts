import t from 'tap';
import { generateRandom, getRandomPassword, isOurs } from '../../src/client/aws-calls.js';
import { EntropyError, ServiceError } from '../../src/common/errors.js';

/** Far from one another, so that a password of few characters has all types. */
const draw = async (size: number) => Uint8Array.from({ length: size }, (_, i) => i * 101);

const metadata = { httpStatusCode: 200, requestId: /^[0-9a-f-]{36}$/, attempts: 1 };

t.test('returns what the SDK does', async (t) => {
  const { Plaintext, $metadata } = await generateRandom({ NumberOfBytes: 3 }, draw);
  t.strictSame(Plaintext, await draw(3), "the caller's, hence not wiped");
  t.match($metadata, metadata);
  t.match(await getRandomPassword({ PasswordLength: 9 }, draw), {
    RandomPassword: /^[!-~]{9}$/,
    $metadata: metadata,
  });
});

t.test('throws what the SDK does, and a signal its own reason', async (t) => {
  const reason = new Error('enough');
  for (const [call, unavailable] of [
    [generateRandom, 'DependencyTimeoutException'],
    [getRandomPassword, 'ServiceUnavailable'],
  ] as const) {
    const ask: (...given: Parameters<typeof call>) => Promise<unknown> = call;
    const fail = (error: unknown) => ask({ NumberOfBytes: 1 }, () => Promise.reject(error));
    await t.rejects(fail(new EntropyError('ERR_CONNECT', 'x')), {
      name: unavailable,
      $fault: 'server',
      $metadata: { ...metadata, httpStatusCode: 503 },
    });
    t.equal(await fail(reason).catch((error) => error), reason);
    await t.rejects(ask([], draw), { name: 'SerializationException', $fault: 'client' });
  }
});

t.test("only the library's errors are put into other words", async (t) => {
  for (const error of [new EntropyError('ERR_BUSY', ''), new ServiceError('A', 400, '')])
    t.ok(isOurs(error));
  for (const error of [new Error('x'), undefined, 'x']) t.notOk(isOurs(error));
});
