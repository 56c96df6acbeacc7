import t from 'tap';
import { createGenerator } from '../../src/generator/create.js';
import type { GeneratorOptions } from '../../src/generator/interface.js';

t.test('an option outside its range is refused by name', async (t) => {
  const device = { name: 'x', path: '/dev/null' };
  for (const [options, name] of [
    [{ reseedRequests: 0 }, 'reseedRequests'],
    [{ reseedRequests: 2 ** 32 }, 'reseedRequests'],
    [{ reseedRequests: 1.5 }, 'reseedRequests'],
    [{ reseedSeconds: 0 }, 'reseedSeconds'],
    [{ reseedSeconds: Number.NaN }, 'reseedSeconds'],
    [{ devices: [{ ...device, creditedBitsPerByte: -1 }] }, 'creditedBitsPerByte'],
    [{ devices: [{ ...device, creditedBitsPerByte: 9 }] }, 'creditedBitsPerByte'],
    [{ devices: [{ ...device, creditedBitsPerByte: 0.5 }] }, 'creditedBitsPerByte'],
  ] as const)
    for (const loaded of [undefined, { reason: 'x' }])
      t.throws(
        () => createGenerator(options as GeneratorOptions, loaded),
        { code: 'ERR_CONFIG', message: new RegExp(`^${name}: want an integer of \\d+ to \\d+$`) },
        JSON.stringify(options),
      );
});

t.test('the default device is /dev/hwrng, without credit', async (t) => {
  const generator = createGenerator();
  t.teardown(() => generator.close());
  t.ok(generator.status().sources.some(({ path }) => path === '/dev/hwrng'));
});

t.test('profile strict refuses the fallback', async (t) => {
  t.throws(() => createGenerator({ profile: 'strict' }, { reason: 'not built' }), {
    code: 'ERR_HEALTH',
    message: 'profile strict refuses the fallback: not built',
  });
});

t.test('without the addon it is the fallback; no listener is needed', async (t) => {
  t.equal(createGenerator({}, { reason: 'not built' }).state(), 'fallback');
});
