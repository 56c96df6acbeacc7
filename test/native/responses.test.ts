/** The addon's `respond`: one call that generates, frames, sends and wipes. */
import t from 'tap';
import { loadAddon, NativeResult } from '../../src/common/package.js';
import { responseHeaderSize, writeResponseHeader } from '../../src/rpc/protocol.js';
import { socketPair } from '../support/daemon.js';
import { takeAnswers, unpackAll } from '../support/raw.js';
import { until } from '../support/until.js';

const { addon } = loadAddon();
if (addon === undefined) throw new Error('no addon');
const generator = new addon.Generator(
  { profile: 'default', reseedRequests: 4096, reseedSeconds: 300, devices: [] },
  () => {},
  () => {},
);
t.teardown(() => generator.close());
t.before(() => until(() => generator.snapshot().state !== 'seeding', 'a seed'));

/** Calls `respond` for recipients with their requests; the descriptors' results. */
function respond(
  target: Uint8Array,
  to: readonly { fd: number; requests: readonly (readonly [id: number, size: number])[] }[],
  sizes: readonly number[] = to.map(({ requests }) =>
    requests.reduce((total, [, size]) => total + responseHeaderSize(size) + size, 0),
  ),
): { result: number; sent: number[] } {
  const requests = Uint32Array.from(to.flatMap(({ requests: each }) => each.flat()));
  const recipients = Int32Array.from(
    to.flatMap(({ fd, requests: each }, i) => [fd, sizes[i] as number, each.length, 99]),
  );
  const { length } = requests;
  const result = generator.respond(target, requests, length / 2, recipients, to.length);
  return { result, sent: to.map((_, i) => recipients[4 * i + 3] as number) };
}

t.test('each recipient gets its own responses, and nothing of them stays', async (t) => {
  const [a, b] = [await socketPair(t), await socketPair(t)];
  const target = new Uint8Array(70_000);
  const { result, sent } = respond(target, [
    { fd: a.fd, requests: [[1, 3]] },
    { fd: -1, requests: [[2, 20]] },
    {
      fd: b.fd,
      requests: [
        [2 ** 32 - 1, 255],
        [0, 256],
        [7, 65_536],
      ],
    },
  ]);
  t.equal(result, NativeResult.ok);
  t.strictSame(sent, [13, 0, 265 + 267 + 65_549]);
  const shape = (answers: unknown[][]) =>
    answers.map(([kind, id, error, bytes]) => [kind, id, error, (bytes as Uint8Array).length]);
  t.strictSame(shape(await takeAnswers(a.client, 1)), [[1, 1, null, 3]]);
  const answers = await takeAnswers(b.client, 3);
  t.strictSame(shape(answers), [
    [1, 2 ** 32 - 1, null, 255],
    [1, 0, null, 256],
    [1, 7, null, 65_536],
  ]);
  for (const [, , , bytes] of answers)
    t.ok(new Set(bytes as Uint8Array).size > 100, 'random bytes');
  t.ok(
    target.every((byte, i) => (i >= 13 && i < 43) || byte === 0),
    'all that was sent is wiped',
  );
  const [unsent] = unpackAll(target.subarray(13, 43));
  t.strictSame(shape([unsent as unknown[]]), [[1, 2, null, 20]], 'the rest is the caller’s');
});

t.test('headers are those of protocol.ts', (t) => {
  for (const id of [0, 127, 128, 65_535, 2 ** 32 - 1])
    for (const size of [0, 1, 255, 256, 65_535, 65_536, 1_048_576]) {
      const header = Buffer.alloc(responseHeaderSize(size));
      writeResponseHeader(new DataView(header.buffer, header.byteOffset), 0, id, size);
      const target = new Uint8Array(header.length);
      respond(target, [{ fd: -1, requests: [[id, size]] }], [header.length]);
      t.strictSame(Buffer.from(target), header, `${id}, ${size}`);
    }
  t.end();
});

t.test('what a full socket does not take stays, and so does all of a failed one', async (t) => {
  const { accepted, client, fd } = await socketPair(t);
  const target = new Uint8Array(4 * 1024 * 1024);
  const [first = 0] = respond(target, [{ fd, requests: [] }], [target.length]).sent;
  t.ok(first > 0 && first < target.length, `${first} bytes`);
  t.ok(target.subarray(0, first).every((byte) => byte === 0));
  t.ok(target.subarray(first, first + 100).some((byte) => byte !== 0));
  client.destroy();
  accepted.resume();
  await new Promise((resolve) => accepted.on('close', resolve));
  t.strictSame(respond(target, [{ fd, requests: [] }], [9]), { result: 0, sent: [0] });
  t.ok(target.subarray(0, 9).some((byte) => byte !== 0));
});

t.test('what does not fit together is refused, and generates nothing', (t) => {
  const target = new Uint8Array(100);
  const one = [{ fd: -1, requests: [[1, 3]] as const }];
  for (const [why, call] of [
    ['more bytes than the target has', () => respond(target, one, [101])],
    ['fewer than the header', () => respond(target, one, [9])],
    ['a negative size', () => respond(target, one, [-1])],
    [
      'a second header beyond the end',
      () =>
        respond(
          target,
          [
            {
              fd: -1,
              requests: [
                [1, 2 ** 32 - 1],
                [2, 1],
              ],
            },
          ],
          [50],
        ),
    ],
    [
      'a request that is nobody’s',
      () => generator.respond(target, Uint32Array.of(1, 1), 1, Int32Array.of(-1, 50, 0, 0), 1),
    ],
    [
      'more requests than there are',
      () => generator.respond(target, Uint32Array.of(1, 1), 1, Int32Array.of(-1, 50, 2, 0), 1),
    ],
    [
      'a negative number of them',
      () => generator.respond(target, Uint32Array.of(1, 1), 0, Int32Array.of(-1, 50, -1, 0), 1),
    ],
    [
      'more pairs than the array holds',
      () => generator.respond(target, new Uint32Array(1), 1, Int32Array.of(-1, 50, 1, 0), 1),
    ],
    [
      'more recipients than the array holds',
      () => generator.respond(target, new Uint32Array(2), 1, Int32Array.of(-1, 50, 1), 1),
    ],
  ] as const)
    t.throws(call, { name: 'TypeError' }, why);
  t.ok(target.every((byte) => byte === 0));
  t.end();
});
