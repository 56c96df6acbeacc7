import t from 'tap';
import {
  checkConstraints,
  rangeFault,
  toBlobSize,
  toBoolean,
  toMembers,
  toStructure,
  toText,
  toWhole,
} from '../../../src/apis/aws-json/members.js';

t.test('numbers are truncated and end at the bounds of their type', async (t) => {
  for (const [value, type, whole] of [
    [-0.5, 'an Integer', -0],
    [2 ** 31, 'an Integer', 2 ** 31 - 1],
    [-(2 ** 40), 'an Integer', -(2 ** 31)],
    [2 ** 31, 'a Long', 2 ** 31],
    [1e300, 'a Long', Number.MAX_SAFE_INTEGER],
    [-1e300, 'a Long', Number.MIN_SAFE_INTEGER],
    [null, 'a Long', undefined],
    [undefined, 'an Integer', undefined],
  ] as const)
    t.equal(toWhole(value, type), whole);
  t.throws(() => toWhole('1', 'a Long'), {
    code: 'SerializationException',
    status: 400,
    message: 'STRING_VALUE can not be converted to a Long',
  });
});

t.test('a boolean is one, and nothing else is', async (t) => {
  for (const value of [true, false]) t.equal(toBoolean(value), value);
  for (const value of [null, undefined]) t.equal(toBoolean(value), undefined);
  for (const [value, message] of [
    [1, 'NUMBER_VALUE can not be converted to a Boolean'],
    ['true', 'STRING_VALUE can not be converted to a Boolean'],
    [[], 'Start of list found where not expected'],
    [{}, 'Start of structure or map found where not expected.'],
  ] as const)
    t.throws(() => toBoolean(value), { code: 'SerializationException', message });
});

t.test('structures, texts and blobs are what they are, or refused', async (t) => {
  const list = 'Start of list found where not expected';
  const members = { a: 1 };
  for (const to of [toMembers, toStructure]) {
    t.equal(to(members), members);
    t.throws(() => to([]), { code: 'SerializationException', message: list });
  }
  t.throws(() => toMembers(null), { code: 'SerializationException', message: '' });
  t.throws(() => toStructure('x'), { code: 'SerializationException', message: 'Expected null' });
  t.equal(toText('x'), 'x');
  t.throws(() => toText(1), { message: 'NUMBER_VALUE can not be converted to a String' });
  for (const blob of ['AAE=', new Uint8Array(2)]) t.equal(toBlobSize(blob), 2);
  for (const blob of ['AAE', '__8=']) t.throws(() => toBlobSize(blob), { message: '' });
  t.throws(() => toBlobSize(1), { message: 'NUMBER_VALUE can not be converted to a Blob' });
  for (const to of [toStructure, toText, toBlobSize])
    for (const absent of [null, undefined]) t.equal(to(absent), undefined);
});

t.test('all constraints that are not met are named, with their number', async (t) => {
  const fault = (size: number | undefined) => rangeFault('a', size, 'length', size, [2, 3]);
  t.doesNotThrow(() => checkConstraints([undefined, fault(2), fault(3), fault(undefined)]));
  const low =
    "Value '1' at 'a' failed to satisfy constraint: Member must have length greater than or equal to 2";
  const high =
    "Value '4' at 'a' failed to satisfy constraint: Member must have length less than or equal to 3";
  for (const [faults, message] of [
    [[fault(1)], `1 validation error detected: ${low}`],
    [[fault(1), fault(2), fault(4)], `2 validation errors detected: ${low}; ${high}`],
  ] as const)
    t.throws(() => checkConstraints(faults), { code: 'ValidationException', status: 400, message });
});
