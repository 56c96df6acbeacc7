import fc from 'fast-check';
import t from 'tap';
import {
  decodeRequest,
  encodeResponse,
  maxNumberOfBytes,
  needsKms,
} from '../../../src/apis/aws-kms/format.js';
import { ServiceError } from '../../../src/common/errors.js';

const constraint = (value: string, range: string) =>
  `1 validation error detected: Value '${value}' at 'numberOfBytes' failed to satisfy constraint: Member must have value ${range}`;
const belowMinimum = (value: string) => constraint(value, 'greater than or equal to 1');
const aboveMaximum = (value: string) => constraint(value, 'less than or equal to 1024');

t.test('accepts 1 to 1024, truncates decimals and ignores unknown members', async (t) => {
  for (const [input, size] of [
    [{ NumberOfBytes: 1 }, 1],
    [{ NumberOfBytes: 1024 }, maxNumberOfBytes],
    [{ NumberOfBytes: 3.5 }, 3],
    [{ NumberOfBytes: 1024.9 }, 1024],
    [{ NumberOfBytes: 32, Unknown: [1] }, 32],
    [{ NumberOfBytes: 32, Recipient: null, CustomKeyStoreId: null }, 32],
  ] as const)
    t.strictSame(decodeRequest(input), { size }, JSON.stringify(input));
});

t.test('refuses a value with the text of the service', async (t) => {
  for (const [input, message] of [
    [{}, 'NumberOfBytes is required.'],
    [{ NumberOfBytes: null }, 'NumberOfBytes is required.'],
    [{ NumberOfBytes: undefined }, 'NumberOfBytes is required.'],
    [{ NumberOfBytes: 0 }, belowMinimum('0')],
    [{ NumberOfBytes: 0.5 }, belowMinimum('0')],
    [{ NumberOfBytes: -0.5 }, belowMinimum('0')],
    [{ NumberOfBytes: -1 }, belowMinimum('-1')],
    [{ NumberOfBytes: -1e99 }, belowMinimum('-2147483648')],
    [{ NumberOfBytes: 1025 }, aboveMaximum('1025')],
    [{ NumberOfBytes: 2 ** 32 + 32 }, aboveMaximum('2147483647')],
    [{ NumberOfBytes: Number.POSITIVE_INFINITY }, aboveMaximum('2147483647')],
  ] as const)
    t.throws(
      () => decodeRequest(input),
      { name: 'ServiceError', code: 'ValidationException', status: 400, message },
      message,
    );
});

t.test('checks the types of all members first, with the texts of the front end', async (t) => {
  const list = 'Start of list found where not expected';
  const structure = 'Start of structure or map found where not expected.';
  for (const [members, message] of [
    [{ NumberOfBytes: '32' }, 'STRING_VALUE can not be converted to an Integer'],
    [{ NumberOfBytes: 'NaN' }, 'STRING_VALUE can not be converted to an Integer'],
    [{ NumberOfBytes: Number.NaN }, 'STRING_VALUE can not be converted to an Integer'],
    [{ NumberOfBytes: true }, 'TRUE_VALUE can not be converted to an Integer'],
    [{ NumberOfBytes: false }, 'FALSE_VALUE can not be converted to an Integer'],
    [{ NumberOfBytes: [1] }, list],
    [{ NumberOfBytes: {} }, structure],
    [{ CustomKeyStoreId: 1 }, 'NUMBER_VALUE can not be converted to a String'],
    [{ CustomKeyStoreId: true }, 'TRUE_VALUE can not be converted to a String'],
    [{ CustomKeyStoreId: [] }, list],
    [{ CustomKeyStoreId: {} }, structure],
    [{ Recipient: 'x' }, 'Expected null'],
    [{ Recipient: 1 }, 'Expected null'],
    [{ Recipient: true }, 'Expected null'],
    [{ Recipient: [] }, list],
    [{ Recipient: { KeyEncryptionAlgorithm: 1 } }, 'NUMBER_VALUE can not be converted to a String'],
    [{ Recipient: { AttestationDocument: 1 } }, 'NUMBER_VALUE can not be converted to a Blob'],
    [{ Recipient: { AttestationDocument: [] } }, list],
    [{ Recipient: { AttestationDocument: 'AAA' } }, ''],
    [{ Recipient: { AttestationDocument: '____' } }, ''],
  ] as const) {
    // Whatever else is wrong.
    const input = { NumberOfBytes: 1025, CustomKeyStoreId: 'x'.repeat(65), ...members };
    t.throws(
      () => decodeRequest(input),
      { code: 'SerializationException', status: 400, message },
      JSON.stringify(members),
    );
  }
});

t.test('refuses anything but a structure; only a list gets a text', async (t) => {
  for (const [input, message] of [
    [[], 'Start of list found where not expected'],
    [[{ NumberOfBytes: 1 }], 'Start of list found where not expected'],
    ...[null, undefined, 'x', 1, true].map((input) => [input, ''] as const),
  ] as const)
    t.throws(
      () => decodeRequest(input),
      { code: 'SerializationException', status: 400, message },
      JSON.stringify(input),
    );
});

t.test("checks the model's constraints second, and names all that are not met", async (t) => {
  const at = (member: string, value: string, constraint: string) =>
    `Value '${value}' at '${member}' failed to satisfy constraint: Member must ${constraint}`;
  const tooLong = 'x'.repeat(65);
  const longId = at('customKeyStoreId', tooLong, 'have length less than or equal to 64');
  const algorithm = (value: string) =>
    at('recipient.keyEncryptionAlgorithm', value, 'satisfy enum value set: [RSAES_OAEP_SHA_256]');
  const document = (size: number, range: string) =>
    at(
      'recipient.attestationDocument',
      `java.nio.HeapByteBuffer[pos=0 lim=${size} cap=${size}]`,
      `have length ${range}`,
    );
  for (const [input, message] of [
    [{ NumberOfBytes: 1025, CustomKeyStoreId: 'cks-1' }, aboveMaximum('1025')],
    [{ NumberOfBytes: 0, Recipient: {} }, belowMinimum('0')],
    [{ CustomKeyStoreId: tooLong }, `1 validation error detected: ${longId}`],
    [
      { NumberOfBytes: 32, CustomKeyStoreId: '' },
      `1 validation error detected: ${at('customKeyStoreId', '', 'have length greater than or equal to 1')}`,
    ],
    [
      { Recipient: { KeyEncryptionAlgorithm: 'RSA' } },
      `1 validation error detected: ${algorithm('RSA')}`,
    ],
    [
      { Recipient: { AttestationDocument: '' } },
      `1 validation error detected: ${document(0, 'greater than or equal to 1')}`,
    ],
    [
      { Recipient: { AttestationDocument: new Uint8Array(262_145) } },
      `1 validation error detected: ${document(262_145, 'less than or equal to 262144')}`,
    ],
    [
      {
        NumberOfBytes: 1025,
        CustomKeyStoreId: tooLong,
        Recipient: { KeyEncryptionAlgorithm: 'x', AttestationDocument: '' },
      },
      `4 validation errors detected: ${[
        at('numberOfBytes', '1025', 'have value less than or equal to 1024'),
        longId,
        algorithm('x'),
        document(0, 'greater than or equal to 1'),
      ].join('; ')}`,
    ],
  ] as const)
    t.throws(
      () => decodeRequest(input),
      { code: 'ValidationException', status: 400, message },
      message.slice(0, 99),
    );
});

t.test('never yields a size for Recipient or CustomKeyStoreId', async (t) => {
  const document = Buffer.alloc(262_144).toString('base64');
  for (const [members, code] of [
    [{ Recipient: {} }, 'UnsupportedOperationException'],
    [{ Recipient: {}, CustomKeyStoreId: 'x' }, 'UnsupportedOperationException'],
    [
      {
        Recipient: {
          KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
          AttestationDocument: document,
        },
      },
      'UnsupportedOperationException',
    ],
    [{ CustomKeyStoreId: 'c' }, 'CustomKeyStoreNotFoundException'],
    [{ CustomKeyStoreId: 'c'.repeat(64) }, 'CustomKeyStoreNotFoundException'],
  ] as const)
    for (const NumberOfBytes of [32, null])
      t.throws(
        () => decodeRequest({ ...members, NumberOfBytes }),
        { code, status: 400 },
        `${code}, ${NumberOfBytes}`,
      );
});

t.test('knows what only the service can answer', async (t) => {
  for (const [input, wanted] of [
    [{ Recipient: {} }, true],
    [{ NumberOfBytes: 1, CustomKeyStoreId: '' }, true],
    [{ NumberOfBytes: 1, CustomKeyStoreId: null, Recipient: null }, false],
    [{}, false],
    [[], false],
    [null, false],
    [undefined, false],
    ['Recipient', false],
  ] as const)
    t.equal(needsKms(input), wanted, JSON.stringify(input));
});

t.test('decodes anything to a size from 1 to 1024 or to an error of the service', async (t) => {
  const codes = [
    'SerializationException',
    'ValidationException',
    'UnsupportedOperationException',
    'CustomKeyStoreNotFoundException',
  ];
  const value = fc.oneof(fc.anything(), fc.integer(), fc.double());
  const members = fc.record(
    { NumberOfBytes: value, Recipient: fc.anything(), CustomKeyStoreId: fc.anything() },
    { requiredKeys: [] },
  );
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(
        fc.oneof(fc.anything(), members, fc.record({ NumberOfBytes: value })),
        (input) => {
          try {
            const { size } = decodeRequest(input);
            return Number.isInteger(size) && size >= 1 && size <= maxNumberOfBytes;
          } catch (error) {
            return (
              error instanceof ServiceError && codes.includes(error.code) && error.status === 400
            );
          }
        },
      ),
    ),
  );
});

t.test('answers in base64, with padding, of just the view given', async (t) => {
  const bytes = new Uint8Array([9, 0xff, 0xef, 0, 9]).subarray(1, 4);
  t.equal(String(encodeResponse(bytes)), '{"Plaintext":"/+8A"}');
  t.equal(String(encodeResponse(bytes.subarray(0, 1))), '{"Plaintext":"/w=="}');
});
