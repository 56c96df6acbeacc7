import t from 'tap';
import { checkedMaxPending, checkedSize, checkedTimeout } from '../../src/client/options.js';

t.test('a timeout is a number of milliseconds above 0', async (t) => {
  for (const timeoutMs of [1e-3, 1, 5000, Number.POSITIVE_INFINITY])
    t.equal(checkedTimeout(timeoutMs), timeoutMs);
  for (const timeoutMs of [0, -1, Number.NaN, 'soon' as unknown as number])
    t.throws(() => checkedTimeout(timeoutMs), {
      code: 'ERR_PARAMS',
      message: 'timeoutMs: want a number of milliseconds above 0',
    });
});

t.test('maxPending is an integer of 1 or more calls', async (t) => {
  for (const maxPending of [1, 65_536, 2 ** 40]) t.equal(checkedMaxPending(maxPending), maxPending);
  for (const maxPending of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5'])
    t.throws(() => checkedMaxPending(maxPending as number), {
      code: 'ERR_PARAMS',
      message: 'maxPending: want an integer of 1 or more calls',
    });
});

t.test('a size is an integer from 1 to its maximum', async (t) => {
  for (const size of [1, 99, 100]) t.equal(checkedSize('size', size, 100), size);
  for (const size of [0, -1, 1.5, 101, Number.NaN, Number.POSITIVE_INFINITY, '5'])
    t.throws(() => checkedSize('chunkSize', size as number, 100), {
      code: 'ERR_LENGTH',
      message: 'chunkSize: want an integer of 1 to 100 bytes',
    });
});
