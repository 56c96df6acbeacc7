import fc from 'fast-check';
import t from 'tap';
import { passedDescriptors, takePassedSockets } from '../src/activation.js';
import { errorCode } from '../src/common/errors.js';
import type { Addon } from '../src/common/package.js';

const pid = 42;
const mine = (count: unknown, names?: string) => ({
  LISTEN_PID: '42',
  LISTEN_FDS: String(count),
  ...(names === undefined ? {} : { LISTEN_FDNAMES: names }),
});

t.test('descriptors count from 3, each with its name', async (t) => {
  for (const [env, wanted] of [
    [{}, []],
    [{ ...mine(1, 'a'), LISTEN_PID: '43' }, []],
    [{ LISTEN_FDS: '1', LISTEN_FDNAMES: 'a' }, []],
    [mine(0), []],
    [mine(0, ''), []],
    [mine(1, 'a'), [{ fd: 3, name: 'a' }]],
    [
      mine(2, 'a:b'),
      [
        { fd: 3, name: 'a' },
        { fd: 4, name: 'b' },
      ],
    ],
    [mine(1), [{ fd: 3, name: 'unknown' }]],
    [
      mine(2, ':'),
      [
        { fd: 3, name: '' },
        { fd: 4, name: '' },
      ],
    ],
  ] as const)
    t.strictSame(passedDescriptors(env, pid), wanted, JSON.stringify(env));
});

t.test('what contradicts itself is refused, whatever it is', async (t) => {
  for (const env of [mine(2, 'a'), mine(1, 'a:b'), mine('x'), mine(-1), mine(1.5), mine(1e9)])
    t.throws(() => passedDescriptors(env, pid), { code: 'ERR_CONFIG' }, env.LISTEN_FDS);
  fc.assert(
    fc.property(fc.string(), fc.option(fc.string(), { nil: undefined }), (count, names) => {
      try {
        const passed = passedDescriptors(mine(count, names), pid);
        return passed.every(({ fd }, i) => fd === 3 + i) && passed.length === Number(count);
      } catch (error) {
        return errorCode(error) === 'ERR_CONFIG';
      }
    }),
  );
});

t.test('they are taken once, by their name, with the path that the kernel tells', async (t) => {
  const addon = {
    socketPath: (fd: number) => (fd === 3 ? '/run/s' : null),
  } as unknown as Addon;
  const env: NodeJS.ProcessEnv = { ...mine(2, 'entropyd:entropyd'), PATH: '/bin' };
  t.strictSame(takePassedSockets('entropyd', addon, env, pid), [
    { fd: 3, path: '/run/s' },
    { fd: 4, path: undefined },
  ]);
  t.strictSame(env, { PATH: '/bin' }, 'no child takes them for its own');
  t.strictSame(takePassedSockets('entropyd', addon, env, pid), []);
  t.strictSame(
    takePassedSockets('entropyd', undefined, mine(1), pid),
    [{ fd: 3, path: undefined }],
    'a manager without names, no addon',
  );
  t.throws(() => takePassedSockets('entropyd', addon, mine(2, 'entropyd:other'), pid), {
    code: 'ERR_CONFIG',
    message: 'descriptor 4 was passed as "other"; want FileDescriptorName=entropyd',
  });
});
