import t from 'tap';
import { createGenerator } from '../../src/generator/create.js';
import type { GeneratorOptions } from '../../src/generator/interface.js';

t.test('an option outside its range is refused by name', async (t) => {
  for (const [options, name] of [
    [{ reseedRequests: 0 }, 'reseedRequests'],
    [{ reseedRequests: 2 ** 32 }, 'reseedRequests'],
    [{ reseedRequests: 1.5 }, 'reseedRequests'],
    [{ reseedSeconds: 0 }, 'reseedSeconds'],
    [{ reseedSeconds: Number.NaN }, 'reseedSeconds'],
  ] as const)
    for (const loaded of [undefined, { reason: 'x' }])
      t.throws(
        () => createGenerator(options as GeneratorOptions, loaded),
        { code: 'ERR_CONFIG', message: new RegExp(`^${name}: want an integer of \\d+ to \\d+$`) },
        JSON.stringify(options),
      );
});

t.test('credit never exceeds what is tested; both may be fractions', async (t) => {
  const device = { name: 'x', path: '/dev/null' };
  for (const [bits, message] of [
    [
      { creditedBitsPerByte: -1 },
      'x: creditedBitsPerByte: want 0, or 0.01 to 7, the bits that are tested',
    ],
    [
      { creditedBitsPerByte: 1e-9 },
      'x: creditedBitsPerByte: want 0, or 0.01 to 7, the bits that are tested',
    ],
    [
      { creditedBitsPerByte: 7.5 },
      'x: creditedBitsPerByte: want 0, or 0.01 to 7, the bits that are tested',
    ],
    [
      { testedBitsPerByte: 0.5, creditedBitsPerByte: 1 },
      'x: creditedBitsPerByte: want 0, or 0.01 to 0.5, the bits that are tested',
    ],
    [
      { testedBitsPerByte: 0, creditedBitsPerByte: 0 },
      'x: testedBitsPerByte: want a number of 0.001 to 8',
    ],
    [
      { testedBitsPerByte: 9, creditedBitsPerByte: 0 },
      'x: testedBitsPerByte: want a number of 0.001 to 8',
    ],
    [
      { creditedBitsPerByte: Number.NaN },
      'x: creditedBitsPerByte: want 0, or 0.01 to 7, the bits that are tested',
    ],
  ] as const)
    t.throws(
      () => createGenerator({ devices: [{ ...device, ...bits }] }, { reason: 'x' }),
      { code: 'ERR_CONFIG', message },
      JSON.stringify(bits),
    );
  const generator = createGenerator({
    devices: [{ ...device, testedBitsPerByte: 0.5, creditedBitsPerByte: 0.25 }],
  });
  t.teardown(() => generator.close());
  const source = generator.status().sources.find(({ name }) => name === 'x');
  t.match(source, { testedBitsPerByte: 0.5 });
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
