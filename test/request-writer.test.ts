import t from 'tap';
import type { Call } from '../src/call.js';
import { RequestWriter } from '../src/request-writer.js';
import { makeCall, unpackAll } from './support.js';

/** What `write` makes of all calls, piece by piece. */
async function pieces(calls: readonly Call[], writer = new RequestWriter()): Promise<unknown[]> {
  const all: unknown[] = [];
  for (let at = 0; at < calls.length; ) {
    const bytes = writer.write(calls, at);
    if (bytes === undefined) {
      all.push('load');
      await writer.load();
      continue;
    }
    all.push(unpackAll(bytes));
    at = writer.next;
  }
  return all;
}

function calls(...requests: Parameters<typeof makeCall>[0][]): Call[] {
  return requests.map((request, id) => {
    const { call } = makeCall(request);
    call.start(id, () => {});
    return call;
  });
}

const bytes = (size: number) => ({ target: new Uint8Array(size) });
const health = { method: 'health', params: [] };

t.test('runs of plain random are one piece, any other call one of its own', async (t) => {
  const fresh = { ...bytes(5), params: [5, { predictionResistance: true }] };
  for (const [name, given, wanted] of [
    ['none', [], []],
    ['one', [bytes(32)], [[[0, 0, 'random', [32]]]]],
    [
      'a run',
      [bytes(1), bytes(70_000), bytes(1_048_576)],
      [
        [
          [0, 0, 'random', [1]],
          [0, 1, 'random', [70_000]],
          [0, 2, 'random', [1_048_576]],
        ],
      ],
    ],
    [
      'others between runs',
      [bytes(1), health, fresh, bytes(2), bytes(3)],
      [
        [[0, 0, 'random', [1]]],
        'load',
        [[0, 1, 'health', []]],
        [[0, 2, 'random', [5, { predictionResistance: true }]]],
        [
          [0, 3, 'random', [2]],
          [0, 4, 'random', [3]],
        ],
      ],
    ],
  ] as const)
    t.strictSame(await pieces(calls(...given)), wanted, name);
});

t.test('the codec is loaded once', async (t) => {
  const writer = new RequestWriter();
  t.strictSame(await pieces(calls(health), writer), ['load', [[0, 0, 'health', []]]]);
  t.strictSame(await pieces(calls(health), writer), [[[0, 0, 'health', []]]]);
});
