import fc from 'fast-check';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { MessageScanner, maxRequestElements } from '../../src/rpc/message-scanner.js';
import {
  decodeRequest,
  decodeResponse,
  encodeError,
  encodeRequest,
  encodeResult,
} from '../../src/rpc/msgpack.js';
import { message, pack, unpackAll } from '../support/raw.js';

const maxId = 2 ** 32 - 1;
const invalid = { name: 'EntropyError', code: 'ERR_MESSAGE' };

t.test('a request is decoded with its id, method and parameters', async (t) => {
  for (const [id, method, params] of [
    [0, 'health', []],
    [maxId, 'random', [32, { predictionResistance: true }]],
    [65_536, '', [null, -1, 1.5, 'x', [1], { a: { b: 2 } }]],
    [7, 'größe', [true]],
  ] as const)
    t.strictSame(decodeRequest(message(id, method, params)), { id, method, params });
});

t.test('a method may come as bin', async (t) => {
  t.match(decodeRequest(message(1, Buffer.from('health'), [])), { method: 'health' });
  t.throws(() => decodeRequest(message(1, Buffer.from([0xff]), [])), invalid, 'not UTF-8');
  const marked = Buffer.from('\ufeffhealth');
  t.match(decodeRequest(message(1, marked, [])), { method: '\ufeffhealth' }, 'as it is');
});

t.test('binaries are copies, because their message’s buffer is reused', async (t) => {
  const bytes = message(1, 'noise', [Buffer.from('abc')]);
  const params = decodeRequest(bytes)?.params as [Uint8Array];
  bytes.fill(0);
  t.equal(Buffer.from(params[0]).toString(), 'abc');
});

t.test('integers of any width are equal by value', async (t) => {
  for (const [name, id, size] of [
    ['uint 64', [0xcf, 0, 0, 0, 0, 0, 0, 0, 9], [0xcf, 0, 0, 0, 0, 0, 0, 0, 32]],
    ['int 64', [0xd3, 0, 0, 0, 0, 0, 0, 0, 9], [0xd3, 0, 0, 0, 0, 0, 0, 0, 32]],
    ['int 32', [0xd2, 0, 0, 0, 9], [0xd2, 0, 0, 0, 32]],
    ['int 16', [0xd1, 0, 9], [0xd1, 0, 32]],
    ['int 8', [0xd0, 9], [0xd0, 32]],
  ] as const) {
    const method = [0xa6, ...Buffer.from('random')];
    const bytes = Uint8Array.from([0x94, 0, ...id, ...method, 0x91, ...size]);
    t.strictSame(decodeRequest(bytes), { id: 9, method: 'random', params: [32] }, name);
  }
});

t.test('a notification is neither a request nor an error', async (t) => {
  t.equal(decodeRequest(pack([2, 'random', [32]])), undefined);
});

t.test('any other message is refused as a request', async (t) => {
  for (const [name, bytes] of [
    ['no array', pack({ a: 1 })],
    ['a number', pack(1)],
    ['an empty array', pack([])],
    ['three elements', pack([0, 1, 'health'])],
    ['five elements', pack([0, 1, 'health', [], 1])],
    ['a response', pack([1, 1, null, null])],
    ['a notification of four', pack([2, 1, 'health', []])],
    ['an unknown type', pack([3, 1, 'health', []])],
    ['a type as text', pack(['0', 1, 'health', []])],
    ['a negative id', pack([0, -1, 'health', []])],
    ['an id of 33 bits', pack([0, maxId + 1, 'health', []])],
    ['an id of 64 bits', pack([0, 2n ** 64n - 1n, 'health', []])],
    ['a decimal id', pack([0, 1.5, 'health', []])],
    ['an id as text', pack([0, '1', 'health', []])],
    ['no id', pack([0, null, 'health', []])],
    ['a method as a number', pack([0, 1, 2, []])],
    ['no method', pack([0, 1, null, []])],
    ['a map as parameters', pack([0, 1, 'health', {}])],
    ['no parameters', pack([0, 1, 'health', null])],
    ['a message cut short', message(1, 'health', []).subarray(0, 5)],
    ['two messages', Buffer.concat([message(1, 'a', []), message(2, 'b', [])])],
    ['nothing', Buffer.alloc(0)],
  ] as const)
    t.throws(() => decodeRequest(bytes), invalid, name);
});

t.test('a refused message does not affect the next', async (t) => {
  for (let cut = 1; cut < 10; cut++) {
    t.throws(() => decodeRequest(message(1, 'health', []).subarray(0, cut)), invalid);
    t.match(decodeRequest(message(5, 'health', [])), { id: 5 });
  }
});

t.test('keys cannot change a prototype', async (t) => {
  const bytes = Buffer.from(
    message(1, 'random', [1, { '--proto--': { predictionResistance: true } }]),
  );
  bytes.write('__proto__', bytes.indexOf('--proto--'));
  const options = decodeRequest(bytes)?.params[1] as Record<string, unknown>;
  t.equal(Object.getPrototypeOf(options), Object.prototype);
  t.equal(options.predictionResistance, undefined);
  t.strictSame(Object.keys(options).length, 1, 'it is kept, to be refused as unknown');
});

t.test('a vetted message causes an EntropyError or none', async (t) => {
  let vetted = 0;
  const scanner = new MessageScanner({ size: 65_536, elements: maxRequestElements });
  fc.assert(
    fc.property(
      fc.integer({ min: 0x90, max: 0x94 }),
      fc.array(
        fc.oneof(
          fc.nat({ max: 5 }),
          fc.constantFrom(0x91, 0x81, 0x82, 0xa1, 0xc0, 0xc3, 0xc4, 0xcb, 0xcc, 0xcf, 0xd9, 0xde),
          fc.nat({ max: 255 }),
        ),
        { maxLength: 30 },
      ),
      (first, rest) => {
        const bytes = Uint8Array.from([first, ...rest]);
        scanner.reset();
        try {
          const end = scanner.scan(bytes, 0, bytes.length);
          if (end === 0) return true;
          vetted++;
          decodeRequest(bytes.slice(0, end));
          return true;
        } catch (error) {
          return error instanceof EntropyError;
        }
      },
    ),
    { numRuns: 5000 },
  );
  t.ok(vetted > 200, `${vetted} vetted`);
});

t.test('what a client encodes, a server decodes', async (t) => {
  fc.assert(
    fc.property(
      fc.nat({ max: maxId }),
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.oneof(fc.integer(), fc.boolean(), fc.string(), fc.constant(null))),
      (id, method, params) => {
        t.strictSame(decodeRequest(encodeRequest({ id, method, params })), { id, method, params });
      },
    ),
    { numRuns: 100 },
  );
});

t.test('what a server encodes, a client decodes', async (t) => {
  for (const [id, result] of [
    [0, null],
    [1, 'text'],
    [maxId, { state: 'operational', sources: [{ bytes: 2 ** 40, rate: 0.5 }] }],
  ] as const)
    t.strictSame(decodeResponse(encodeResult(id, result)), { id, error: null, result });
  t.strictSame(decodeResponse(encodeResult(1, undefined)), { id: 1, error: null, result: null });
  const answer = decodeResponse(encodeResult(1, Buffer.from('abc')));
  t.equal(Buffer.from(answer.result as Uint8Array).toString(), 'abc');
  t.strictSame(decodeResponse(encodeError(5, 'ERR_BUSY', 'try again')), {
    id: 5,
    error: ['ERR_BUSY', 'try again'],
    result: null,
  });
});

t.test('responses are plain MessagePack: maps as maps, no extension', async (t) => {
  const bytes = encodeResult(1, { a: 1, b: { a: 2 } });
  t.strictSame(unpackAll(bytes), [[1, 1, null, { a: 1, b: { a: 2 } }]]);
  const scanner = new MessageScanner({ size: 1000, elements: 64 });
  t.equal(scanner.scan(bytes, 0, bytes.length), bytes.length);
});

t.test('responses are buffers of their own', async (t) => {
  const first = encodeResult(1, 'one');
  const kept = Buffer.from(first);
  for (let i = 0; i < 1000; i++) encodeResult(2, 'x'.repeat(100));
  t.strictSame(Buffer.from(first), kept);
});

t.test('any other message is refused as a response', async (t) => {
  for (const [name, value] of [
    ['no array', 'x'],
    ['a request', [0, 1, 'health', []]],
    ['three elements', [1, 1, null]],
    ['five elements', [1, 1, null, null, null]],
    ['a negative id', [1, -1, null, null]],
    ['no id', [1, null, null, null]],
  ] as const)
    t.throws(() => decodeResponse(pack(value)), invalid, name);
  t.throws(() => decodeResponse(Buffer.from([0x94])), invalid, 'cut short');
});
