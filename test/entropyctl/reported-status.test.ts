import t from 'tap';
import {
  entriesOf,
  isAmount,
  objectsIn,
  presentSources,
  type ReportedStatus,
  sourcesOf,
} from '../../src/entropyctl/reported-status.js';

t.test('an amount is a finite number from 0 on', async (t) => {
  for (const value of [0, 0.5, 1e300]) t.ok(isAmount(value), String(value));
  for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY, '5', null, undefined, {}])
    t.notOk(isAmount(value), String(value));
});

t.test('only objects are taken from an array, and nothing from another value', async (t) => {
  t.strictSame(objectsIn([{ a: 1 }, null, 5, 'x']), [{ a: 1 }]);
  for (const value of [undefined, null, {}, 'x', 5]) t.strictSame(objectsIn(value), []);
});

t.test('entries are those of an object, and none of another value', async (t) => {
  t.strictSame(entriesOf({ a: 1, b: 'x' }), [
    ['a', 1],
    ['b', 'x'],
  ]);
  for (const value of [undefined, null, 5]) t.strictSame(entriesOf(value), []);
});

t.test('absent sources are sources, but not present', async (t) => {
  const sources = [{ name: 'rdseed', state: 'passing' }, { name: 'rndrrs', state: 'absent' }, null];
  const status = { sources } as unknown as ReportedStatus;
  t.match(sourcesOf(status), [{ name: 'rdseed' }, { name: 'rndrrs' }]);
  t.match(presentSources(status), [{ name: 'rdseed' }]);
  t.equal(presentSources(status).length, 1);
  t.strictSame(sourcesOf({}), []);
});
