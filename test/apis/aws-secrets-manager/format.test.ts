import fc from 'fast-check';
import t from 'tap';
import { decodeRequest, encodeResponse } from '../../../src/apis/aws-secrets-manager/format.js';
import { characterTypes } from '../../../src/apis/aws-secrets-manager/password.js';

const { uppercase, lowercase, numbers, punctuation } = characterTypes;
const all = [uppercase, lowercase, numbers, punctuation];
const without = (type: string, characters: string) =>
  [...type].filter((each) => !characters.includes(each)).join('');

t.test('the types are those of ASCII', async (t) => {
  const ascii = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i));
  t.strictSame([...all.join('')].sort(), ascii.sort());
  t.strictSame(
    all.map(({ length }) => length),
    [26, 26, 10, 32],
  );
});

t.test('every option does what it says, and has its default', async (t) => {
  for (const [input, rules] of [
    [{}, { length: 32, types: all, required: 4 }],
    [{ PasswordLength: null, ExcludeCharacters: null, IncludeSpace: null }, { length: 32 }],
    [{ PasswordLength: 4 }, { length: 4 }],
    [{ PasswordLength: 4096 }, { length: 4096 }],
    [{ PasswordLength: 8.9, Unknown: [] }, { length: 8 }],
    [{ ExcludeUppercase: true }, { types: [lowercase, numbers, punctuation], required: 3 }],
    [{ ExcludeLowercase: true }, { types: [uppercase, numbers, punctuation], required: 3 }],
    [{ ExcludeNumbers: true }, { types: [uppercase, lowercase, punctuation], required: 3 }],
    [{ ExcludePunctuation: true }, { types: [uppercase, lowercase, numbers], required: 3 }],
    [{ ExcludeNumbers: false }, { types: all, required: 4 }],
    [{ IncludeSpace: true }, { types: [...all, ' '], required: 4 }],
    [
      { IncludeSpace: true, ExcludeCharacters: ' ' },
      { types: all, required: 4 },
    ],
    [
      { RequireEachIncludedType: false, PasswordLength: 1 },
      { types: all, required: 0, length: 1 },
    ],
    [
      { ExcludeCharacters: '/@"\'\\aZ0é🎲\u0000' },
      {
        types: [
          without(uppercase, 'Z'),
          without(lowercase, 'a'),
          without(numbers, '0'),
          without(punctuation, '/@"\'\\'),
        ],
        required: 4,
      },
    ],
    [
      { ExcludeCharacters: numbers, RequireEachIncludedType: false },
      { types: [uppercase, lowercase, punctuation], required: 0 },
    ],
    [
      {
        ...{ ExcludeUppercase: true, ExcludeLowercase: true },
        ...{ ExcludeNumbers: true, ExcludePunctuation: true, IncludeSpace: true },
      },
      { types: [' '], required: 0 },
    ],
  ] as const)
    t.match(decodeRequest(input), rules, JSON.stringify(input));
});

t.test('types of members come first, then constraints, then what is impossible', async (t) => {
  const constraint = (at: string, value: string, rule: string) =>
    `1 validation error detected: Value '${value}' at '${at}' failed to satisfy constraint: Member must have ${rule}`;
  const long = 'x'.repeat(4097);
  for (const [input, code, message] of [
    [[], 'SerializationException', 'Start of list found where not expected'],
    [null, 'SerializationException', ''],
    [
      { PasswordLength: 0, IncludeSpace: 'true' },
      'SerializationException',
      'STRING_VALUE can not be converted to a Boolean',
    ],
    [
      { PasswordLength: '32' },
      'SerializationException',
      'STRING_VALUE can not be converted to a Long',
    ],
    [
      { ExcludeCharacters: 1 },
      'SerializationException',
      'NUMBER_VALUE can not be converted to a String',
    ],
    [
      { PasswordLength: 5555 },
      'ValidationException',
      constraint('passwordLength', '5555', 'value less than or equal to 4096'),
    ],
    [
      { PasswordLength: 0, ExcludeNumbers: true },
      'ValidationException',
      constraint('passwordLength', '0', 'value greater than or equal to 1'),
    ],
    [
      { ExcludeCharacters: long },
      'ValidationException',
      constraint('excludeCharacters', long, 'length less than or equal to 4096'),
    ],
    [
      { PasswordLength: 3 },
      'InvalidParameterException',
      'Password length is too short based on the required types.',
    ],
    [
      { ExcludeCharacters: numbers },
      'InvalidParameterException',
      'All characters of the desired type have been excluded',
    ],
    [
      { ExcludeCharacters: all.join(''), RequireEachIncludedType: false },
      'InvalidParameterException',
      'All characters have been excluded from selection',
    ],
    [
      {
        ...{ ExcludeUppercase: true, ExcludeLowercase: true },
        ...{ ExcludeNumbers: true, ExcludePunctuation: true },
      },
      'InvalidParameterException',
      'All characters have been excluded from selection',
    ],
  ] as const)
    t.throws(() => decodeRequest(input), { code, status: 400, message }, message);
  t.doesNotThrow(() => decodeRequest({ ExcludeCharacters: 'é'.repeat(4096) }));
});

t.test('whatever the members are, there are rules that can be kept, or an error', async (t) => {
  const flag = fc.option(fc.boolean(), { nil: undefined });
  const input = fc.record({
    PasswordLength: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
    ExcludeCharacters: fc.string({ unit: fc.constantFrom(...all.join(''), ' '), maxLength: 300 }),
    ExcludeNumbers: flag,
    ExcludePunctuation: flag,
    ExcludeUppercase: flag,
    ExcludeLowercase: flag,
    IncludeSpace: flag,
    RequireEachIncludedType: flag,
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(input, (members) => {
        try {
          const { length, types, required } = decodeRequest(members);
          const characters = types.join('');
          return (
            length >= Math.max(1, required) &&
            required <= types.length &&
            !types.includes('') &&
            characters !== '' &&
            new Set(characters).size === characters.length &&
            ![...characters].some((each) => members.ExcludeCharacters.includes(each))
          );
        } catch (error) {
          return (error as { code?: string }).code === 'InvalidParameterException';
        }
      }),
    ),
  );
});

t.test('a body is the JSON of the password, in memory of its own', async (t) => {
  for (const password of ['', 'a', `${all.join('')} `, '""\\\\"', '\\u0041'])
    for (const more of ['', 'x']) {
      const bytes = Buffer.from(password + more, 'latin1');
      const body = encodeResponse(bytes);
      t.equal(body.toString(), JSON.stringify({ RandomPassword: password + more }));
      t.equal(body.buffer.byteLength, body.length, 'not a part of a pool');
      t.equal(bytes.toString('latin1'), password + more, 'the password stays');
    }
});
