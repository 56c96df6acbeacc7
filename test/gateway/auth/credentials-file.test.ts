import fc from 'fast-check';
import t from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import { parseCredentialsFile } from '../../../src/gateway/auth/credentials-file.js';

const key = '[[key]]\nname = "k"\naccess_key = "AKID"\nsecret_key = "WonderfulSecret"\n';
const token = '[[token]]\nname = "t"\ntoken = "WonderfulToken"\n';

t.test('every key of the design is taken', async (t) => {
  t.strictSame(
    parseCredentialsFile(
      `[[key]]
name = "billing"
access_key = "AKIDEXAMPLE"
secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
session_token = "IQoJ//b3Jp=="
expires = 2027-01-01T00:00:00Z
allow = ["GenerateRandom", "gen-random", "upstream"]
requests_per_second = 100
project_id = "53d1aefc533f4ce9a59c26b01667cbcf"
[[token]]
name = "reports"
token = "MIIbzQYJ"
allow = []
`,
      'f',
    ),
    {
      key: [
        {
          name: 'billing',
          access_key: 'AKIDEXAMPLE',
          secret_key: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
          session_token: 'IQoJ//b3Jp==',
          expires: new Date('2027-01-01T00:00:00Z'),
          allow: ['GenerateRandom', 'gen-random', 'upstream'],
          requests_per_second: 100,
          project_id: '53d1aefc533f4ce9a59c26b01667cbcf',
        },
      ],
      token: [{ name: 'reports', token: 'MIIbzQYJ', allow: [] }],
    },
  );
});

t.test('a fault is told with its line and its key, and no value is repeated', async (t) => {
  for (const [text, message] of [
    ['[[key]]\nname = "k"\naccess_key = "A"\n', 'f:1: key[0].secret_key: is missing'],
    [
      `${key}session_tokn = "Wonderful"`,
      'f:5: key[0].session_tokn: unknown key; the nearest is "session_token"',
    ],
    ['', 'f:1: key: want at least one [[key]] or [[token]]'],
    ['# revoked\nkey = []\n', 'f:2: key: want at least one [[key]] or [[token]]'],
    ['[[keys]]', 'f:1: keys: unknown key; the nearest is "key"'],
    [key.replace('"WonderfulSecret"', '1234567'), 'f:4: key[0].secret_key: want a string'],
    [key.replace('"WonderfulSecret"', '"WonderfulSecret'), 'f:4: Unterminated string constant'],
    [key.replace(' = "Wonder', ' "Wonder'), 'f:4: Expected equal (=) token'],
    [
      key.replace('"AKID"', '"WonderfulSecret/1"'),
      'f:3: key[0].access_key: want 1 to 128 of A-Z, a-z, 0-9, _, . and -',
    ],
    [
      key.replace('"k"', '"Wonderful Secret"'),
      'f:2: key[0].name: want 1 to 64 of A-Z, a-z, 0-9 and _+=,.@-',
    ],
    [
      token.replace('fulToken', 'ful Token'),
      'f:3: token[0].token: want 1 to 8192 visible ASCII characters',
    ],
    [
      `${token}expires = "2027-01-01T00:00:00Z"`,
      'f:4: token[0].expires: want a time such as 2027-01-01T00:00:00Z, without quotes',
    ],
    [`${token}expires = 2027-01-01`, 'f:4: want a time with its offset: 2027-01-01T00:00:00Z'],
    [
      `${token}allow = ["gen-random", "GenerateRadom"]`,
      'f:4: token[0].allow[1]: unknown operation; the nearest is "GenerateRandom"',
    ],
    [`${token}allow = [1]`, 'f:4: token[0].allow[0]: want a string'],
    [
      `${token}allow = ["upstrem"]`,
      'f:4: token[0].allow[0]: unknown operation; the nearest is "upstream"',
    ],
    [`${token}allow = "gen-random"`, 'f:4: token[0].allow: want an array'],
    [`${token}requests_per_second = 0`, 'f:4: token[0].requests_per_second: want 1 to 1000000'],
    [
      `${token}project_id = "a/b"`,
      'f:4: token[0].project_id: want 1 to 64 of A-Z, a-z, 0-9, _ and -',
    ],
    [`${key}${key.replace('"k"', '"l"')}`, 'f:7: key[1].access_key: the same as that of key[0]'],
    [`${key}${key.replace('AKID', 'BKID')}`, 'f:6: key[1].name: the same as that of key[0]'],
    [`${token}${token.replace('"t"', '"u"')}`, 'f:6: token[1].token: the same as that of token[0]'],
    [`${key}${token.replace('"t"', '"k"')}`, 'f:6: token[0].name: the same as that of key[0]'],
  ] as const) {
    t.throws(() => parseCredentialsFile(text, 'f'), { code: 'ERR_CONFIG', message }, text);
    try {
      parseCredentialsFile(text, 'f');
    } catch (error) {
      t.notMatch(String(error), /Wonderful/, text);
    }
  }
});

t.test('whatever the text, credentials or ERR_CONFIG, and never a secret in it', async (t) => {
  const secret = 'WonderfulSecret';
  const part = fc.oneof(
    fc.constantFrom(key, token, '[[key]]', '[token]', 'allow = []', `secret_key = "${secret}"`),
    fc.constantFrom(`secret_key = "${secret}`, `secret_key = ${secret}"`, `token = "${secret}\\q"`),
    fc.string(),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      try {
        const { key, token } = parseCredentialsFile(parts.join('\n'), 'f');
        return Array.isArray(key) && Array.isArray(token);
      } catch (error) {
        return (
          error instanceof EntropyError &&
          error.code === 'ERR_CONFIG' &&
          !error.message.includes(secret)
        );
      }
    }),
    { numRuns: 1000 },
  );
  t.pass('1000 texts');
});
