import fc from 'fast-check';
import t from 'tap';
import * as v from 'valibot';
import { EntropyError } from '../../src/common/errors.js';
import { flag, integer, oneOf, parseTomlFile, text } from '../../src/config/toml.js';

const schema = v.strictObject({
  word: v.optional(oneOf('good', 'better')),
  yes: v.optional(flag),
  at: v.optional(v.date('want a time')),
  table: v.optional(v.strictObject({ size: v.optional(integer(1, 9)), name: v.optional(text) })),
  row: v.optional(v.array(v.strictObject({ name: text, list: v.optional(v.array(text)) }))),
});

t.test('the content comes in the types of TOML', async (t) => {
  t.strictSame(
    parseTomlFile(
      schema,
      'word = "better"\nyes = true\nat = 2027-01-01T02:00:00+02:00\n[table]\nsize = 9\n[[row]]\nname = "a"\nlist = ["x"]\n',
      'f',
    ),
    {
      word: 'better',
      yes: true,
      at: new Date('2027-01-01T00:00:00Z'),
      table: { size: 9 },
      row: [{ name: 'a', list: ['x'] }],
    },
  );
});

t.test('a fault is reported with file, line, key and what is wanted there', async (t) => {
  for (const [source, message] of [
    ['a =\n', 'f:2: Unspecified values are invalid'],
    ['word = "bad"', 'f:1: word: want "good" or "better"'],
    ['yes = 1', 'f:1: yes: want true or false'],
    ['\ntabel = 1', 'f:2: tabel: unknown key; the nearest is "table"'],
    ['[table]\nsiz = 1', 'f:2: table.siz: unknown key; the nearest is "size"'],
    ['table = 1', 'f:1: table: want a table'],
    ['[table]\nsize = 10', 'f:2: table.size: want 1 to 9'],
    ['[table]\nsize = 1.5', 'f:2: table.size: want an integer of 1 to 9'],
    ['[table]\nname = ""', 'f:2: table.name: want a string that is not empty'],
    ['[[row]]\nname = "a"\n[[row]]\nlist = []', 'f:3: row[1].name: is missing'],
    ['row = [{ name = 1 }]', 'f:1: row[0].name: want a string'],
    ['row = 1', 'f:1: row: want an array'],
    ['[[row]]\nname = "a"\nlist = 1', 'f:3: row[0].list: want an array'],
  ] as const)
    t.throws(() => parseTomlFile(schema, source, 'f'), { code: 'ERR_CONFIG', message }, source);
});

t.test('no file changes the prototype of objects', async (t) => {
  for (const source of [
    '[__proto__]\na = 1',
    '__proto__.a = 1',
    '"__proto__".a = 1',
    "'__proto__' = 1",
    '[[__proto__]]\na = 1',
    '"\\u005f_proto__".a = 1',
    'table = { __proto__.a = 1 }',
    'table = { __proto__ = { a = 1 } }',
    '[table.__proto__]\na = 1',
    'row = [{ name = "a", list = [{ __proto__.a = 1 }] }]',
  ]) {
    t.throws(() => parseTomlFile(schema, source, 'f'), { message: 'f:1: __proto__: unknown key' });
    t.strictSame(Object.keys(Object.prototype), [], source);
  }
  t.throws(() => parseTomlFile(schema, '[constructor.prototype]\na = 1', 'f'), {
    message: /^f:1: constructor: unknown key/,
  });
});

t.test('a time without an offset is refused', async (t) => {
  for (const time of ['2027-01-01T00:00:00', '2027-01-01', '07:00:00'])
    t.throws(
      () => parseTomlFile(schema, `\nat = ${time}`, 'f'),
      { code: 'ERR_CONFIG', message: 'f:2: want a time with its offset: 2027-01-01T00:00:00Z' },
      time,
    );
});

t.test('a fault that a schema cannot express is reported alike', async (t) => {
  const check = ({ row = [] }: v.InferOutput<typeof schema>) =>
    row.length > 1 ? { path: ['row', 1, 'name'], wanted: 'one row is enough' } : undefined;
  t.strictSame(parseTomlFile(schema, '[[row]]\nname = "a"', 'f', check), { row: [{ name: 'a' }] });
  t.throws(() => parseTomlFile(schema, '[[row]]\nname = "a"\n[[row]]\nname = "b"', 'f', check), {
    message: 'f:4: row[1].name: one row is enough',
  });
});

t.test('any text gives a value or ERR_CONFIG', async (t) => {
  const lines = fc.array(
    fc.oneof(
      fc.string(),
      fc.constantFrom('[table]', '[[row]]', 'name = "a"', 'size = 3', 'at = 2027-01-01', 'a.b = 1'),
      fc.constantFrom(
        '[__proto__]',
        'constructor = 1',
        '[[row',
        'table.size = 1',
        '__proto__.a = 1',
      ),
    ),
  );
  fc.assert(
    fc.property(lines, (parts) => {
      try {
        parseTomlFile(schema, parts.join('\n'), 'f');
        return true;
      } catch (error) {
        return error instanceof EntropyError && error.code === 'ERR_CONFIG';
      }
    }),
    { numRuns: 1000 },
  );
  t.pass('1000 texts');
});
