import t from 'tap';
import { parseAuthorization } from '../../../src/gateway/signatures/authorization.js';

t.test('a scheme and its parameters, however they are separated', async (t) => {
  for (const header of ['S a=1, b=2', 'S a=1,b=2', 'S  a=1 b=2', 'S\ta=1 ,, b=2,', 'S,a=1,b=2'])
    t.strictSame(
      parseAuthorization(header),
      {
        scheme: 'S',
        parameters: new Map([
          ['a', '1'],
          ['b', '2'],
        ]),
        malformed: undefined,
        repeated: undefined,
      },
      header,
    );
});

t.test('faults are named: the first of each', async (t) => {
  for (const [header, malformed, repeated] of [
    ['', undefined, undefined],
    ['S', undefined, undefined],
    ['S a', 'a', undefined],
    ['S a= 1, b', '1', undefined],
    ['S a=1, a=2, b=1, b=1', undefined, 'a'],
    ['S =1, =2', undefined, ''],
    ['S a=1 x a=1', 'x', 'a'],
    ['S __proto__=1, __proto__=1', undefined, '__proto__'],
  ] as const)
    t.match(parseAuthorization(header), { malformed, repeated }, header);
});

t.test('a value keeps its equal-signs; of a repeated one the first counts', async (t) => {
  const { parameters } = parseAuthorization('S a==1=, b=, a=2');
  t.strictSame(
    [...parameters],
    [
      ['a', '=1='],
      ['b', ''],
    ],
  );
});
