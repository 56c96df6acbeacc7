import t from 'tap';
import { EntropyError, type ErrorCode } from '../../src/common/errors.js';
import { decodeAnswer } from '../../src/rpc/msgpack.js';
import { handle, type Outcome, refuse } from '../../src/server/general.js';
import { nobody } from '../../src/server/peer.js';
import { fakeGenerator, message, pack, serverContext } from '../support.js';

function decoded(outcome: Outcome): { last: boolean; id: number; error: unknown } {
  if (outcome.kind !== 'answer') throw new Error(outcome.kind);
  const { id, error } = decodeAnswer(outcome.bytes);
  return { last: outcome.last, id, error };
}

t.test('a random becomes a size: its bytes do not exist yet', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const [params, size, predictionResistance] of [
    [[32], 32, false],
    [[32, { predictionResistance: true }], 32, true],
  ] as const)
    for (const method of ['random', Buffer.from('random')])
      t.strictSame(await handle(message(8, method, params), context, nobody), {
        kind: 'random',
        id: 8,
        size,
        predictionResistance,
      });
  t.equal(context.counters.requests, 4);
  t.equal(context.counters.randomBytes, 0);
});

t.test('other methods are answered, and the connection goes on', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const method of ['health', 'status', 'version', 'metrics'])
    t.strictSame(decoded(await handle(message(3, method, []), context, nobody)), {
      last: false,
      id: 3,
      error: null,
    });
  t.equal(context.counters.requests, 4);
});

t.test('a notification has no answer and is no request', async (t) => {
  const context = serverContext(fakeGenerator());
  t.strictSame(await handle(pack([2, 'random', [1]]), context, nobody), { kind: 'nothing' });
  t.equal(context.counters.requests, 0);
});

t.test('a request that is refused keeps its id, and the connection goes on', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const [method, params, code] of [
    ['random', [], 'ERR_LENGTH'],
    ['random', [0], 'ERR_LENGTH'],
    ['random', [1, 2], 'ERR_PARAMS'],
    ['nothing', [], 'ERR_METHOD'],
    ['health', [1], 'ERR_PARAMS'],
  ] as const)
    t.match(decoded(await handle(message(77, method, params), context, nobody)), {
      last: false,
      id: 77,
      error: [code, String],
    });
});

t.test('what is no message is answered with id 0, and the connection ends', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const value of [[], [0, 1, 'health'], [0, -1, 'health', []], [1, 1, null, null], [9]])
    t.match(decoded(await handle(pack(value), context, nobody)), {
      last: true,
      id: 0,
      error: ['ERR_MESSAGE', String],
    });
});

t.test('only a message whose end is not known ends the connection', async (t) => {
  const context = serverContext(fakeGenerator());
  for (const [code, last] of [
    ['ERR_MESSAGE', true],
    ['ERR_TOO_LARGE', true],
    ['ERR_BUSY', false],
    ['ERR_HEALTH', false],
    ['ERR_NOT_SEEDED', false],
  ] as const satisfies [ErrorCode, boolean][])
    t.match(decoded(refuse(5, new EntropyError(code, 'why'), context)), {
      last,
      id: 5,
      error: [code, 'why'],
    });
  t.match(decoded(refuse(5, new Error('x'), context)), { last: false });
});
