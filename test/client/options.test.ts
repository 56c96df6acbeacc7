import { inspect } from 'node:util';
import t from 'tap';
import {
  type ClientOptions,
  checkedOptions,
  checkedSize,
  checkedTimeout,
} from '../../src/client/options.js';

t.test('a timeout is a number of milliseconds above 0', async (t) => {
  for (const timeoutMs of [1e-3, 1, 5000, Number.POSITIVE_INFINITY])
    t.equal(checkedTimeout(timeoutMs), timeoutMs);
  for (const timeoutMs of [0, -1, Number.NaN, 'soon', 5n] as number[])
    t.throws(() => checkedTimeout(timeoutMs), {
      code: 'ERR_PARAMS',
      message: 'timeoutMs: want a number of milliseconds above 0',
    });
});

t.test('an option that does not exist or is not of its kind is refused', async (t) => {
  const { signal } = new AbortController();
  t.match(checkedOptions({}), {
    socketPath: undefined,
    timeoutMs: 5000,
    mixLocal: true,
    wipeable: false,
    dialect: 'otc',
    maxPending: 65_536,
    coalesce: 'tick',
  });
  t.match(checkedOptions({ socketPath: '/s', maxPending: 1, signal, dialect: 'hwc' }), {
    socketPath: '/s',
    maxPending: 1,
    dialect: 'hwc',
  });
  for (const [option, message] of [
    [{ socket: '/s' }, 'connect: unknown option socket; there are socketPath, timeoutMs, '],
    [{ timeout: 5 }, 'connect: unknown option timeout; there are '],
    [{ socketPath: 1 }, 'socketPath: want a path'],
    [{ timeoutMs: 5n }, 'timeoutMs: want a number of milliseconds above 0'],
    [{ timeoutMs: 0 }, 'timeoutMs: want a number of milliseconds above 0'],
    [{ signal: {} }, 'signal: want an AbortSignal'],
    [{ mixLocal: 'false' }, 'mixLocal: want true or false'],
    [{ wipeable: 1 }, 'wipeable: want true or false'],
    [{ dialect: 'aws' }, "dialect: want 'otc' or 'hwc'"],
    [{ coalesce: 'never' }, "coalesce: want 'tick' or 'turn'"],
    ...[0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5'].map((maxPending) => [
      { maxPending },
      'maxPending: want 1 call or more',
    ]),
    ['/run/entropyd/entropyd.sock', 'connect: want an object of options'],
  ] as [ClientOptions, string][])
    t.throws(
      () => checkedOptions(option),
      { code: 'ERR_PARAMS', message: new RegExp(`^${message}`) },
      inspect(option),
    );
  for (const name of ['socketPath', 'timeoutMs', 'signal', 'mixLocal', 'dialect'] as const)
    t.doesNotThrow(() => checkedOptions({ [name]: undefined }), name);
});

t.test('a size is an integer from 1 to its maximum', async (t) => {
  for (const size of [1, 99, 100]) t.equal(checkedSize('size', size, 100), size);
  for (const size of [0, -1, 1.5, 101, Number.NaN, Number.POSITIVE_INFINITY, '5'])
    t.throws(() => checkedSize('chunkSize', size as number, 100), {
      code: 'ERR_LENGTH',
      message: 'chunkSize: want an integer of 1 to 100 bytes',
    });
});
