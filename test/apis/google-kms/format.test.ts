import t from 'tap';
import { crc32c, levelNumbers, projectOf, sizeOf } from '../../../src/apis/google-kms/format.js';

t.test('the checksum is CRC-32C', async (t) => {
  const counting = Uint8Array.from({ length: 32 }, (_, i) => i);
  for (const [bytes, checksum, origin] of [
    // Williams, A painless guide to CRC error detection algorithms: the check value of each one.
    [Buffer.from('123456789'), 0xe3069283, 'the usual check'],
    [new Uint8Array(), 0, 'nothing'],
    // RFC 3720 B.4 prints the bytes of the checksum from the last.
    [new Uint8Array(32), 0x8a9136aa, 'RFC 3720 B.4: zeros'],
    [new Uint8Array(32).fill(0xff), 0x62a8ab43, 'RFC 3720 B.4: ones'],
    [counting, 0x46dd794e, 'RFC 3720 B.4: counting up'],
    [counting.toReversed(), 0x113fdb5c, 'RFC 3720 B.4: counting down'],
  ] as const)
    t.equal(crc32c(bytes), checksum, origin);
});

t.test('protection levels have the numbers of resources.proto', async (t) => {
  t.strictSame(
    [...levelNumbers],
    [
      ['PROTECTION_LEVEL_UNSPECIFIED', 0],
      ['SOFTWARE', 1],
      ['HSM', 2],
      ['EXTERNAL', 3],
      ['EXTERNAL_VPC', 4],
      ['HSM_SINGLE_TENANT', 5],
    ],
  );
});

const request = { location: 'projects/p/locations/l', lengthBytes: 8, protectionLevel: 2 };

t.test('8 to 1024 bytes of an HSM', async (t) => {
  for (const size of [8, 9, 1023, 1024])
    t.equal(sizeOf({ ...request, lengthBytes: size }), size, `${size}`);
  for (const lengthBytes of [7, 0, -8, 1025, 2 ** 31 - 1])
    t.throws(() => sizeOf({ ...request, lengthBytes }), {
      code: 'INVALID_ARGUMENT',
      message: `length_bytes must be 8 to 1024, and is ${lengthBytes}.`,
      details: [{ field: 'length_bytes' }],
    });
  for (const [protectionLevel, shown] of [
    [0, 'PROTECTION_LEVEL_UNSPECIFIED'],
    [1, 'SOFTWARE'],
    [5, 'HSM_SINGLE_TENANT'],
    [6, '6'],
    [-1, '-1'],
  ] as const)
    t.throws(() => sizeOf({ ...request, protectionLevel }), {
      code: 'INVALID_ARGUMENT',
      message: `protection_level must be HSM, and is ${shown}.`,
      details: [{ field: 'protection_level' }],
    });
});

t.test('a location has a project', async (t) => {
  for (const project of ['p', 'my-project-1', '1234', 'example.com:my-project', 'x'.repeat(128)])
    t.equal(projectOf({ ...request, location: `projects/${project}/locations/l-1` }), project);
  for (const location of [
    ...['', 'p', 'projects/p', 'projects/p/locations/', 'projects//locations/l', '/projects/p'],
    ...['projects/p/locations/l/', 'projects/p/locations/l/keyRings/k', 'Projects/p/locations/l'],
    ...['projects/a b/locations/l', 'projects/p\n/locations/l', 'projects/ü/locations/l'],
    ...['projects/p/locations/l\n', `projects/${'x'.repeat(129)}/locations/l`],
  ])
    t.throws(
      () => projectOf({ ...request, location }),
      { code: 'INVALID_ARGUMENT', details: [{ field: 'location' }] },
      JSON.stringify(location),
    );
});
