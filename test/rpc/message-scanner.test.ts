import fc from 'fast-check';
import { Packr, Unpackr } from 'msgpackr';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { MessageScanner, maxDepth, maxRequestElements } from '../../src/rpc/message-scanner.js';
import { pack } from '../support/raw.js';

const limits = { size: 65_536, elements: maxRequestElements };

/** The end of the message that `bytes` begin with; 0 if there is more to come. */
function scan(bytes: Uint8Array, within = limits): number {
  return new MessageScanner(within).scan(bytes, 0, bytes.length);
}

const nested = (depth: number): Buffer =>
  Buffer.concat([Buffer.alloc(depth - 1, 0x91), Buffer.from([0x90])]);

t.test('every accepted type ends where it should', async (t) => {
  for (const [name, value] of [
    ['nil', [0xc0]],
    ['false', [0xc2]],
    ['true', [0xc3]],
    ['positive fixint', [0x7f]],
    ['negative fixint', [0xe0]],
    ['uint 8', [0xcc, 1]],
    ['uint 16', [0xcd, 1, 2]],
    ['uint 32', [0xce, 1, 2, 3, 4]],
    ['uint 64', [0xcf, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['int 8', [0xd0, 1]],
    ['int 16', [0xd1, 1, 2]],
    ['int 32', [0xd2, 1, 2, 3, 4]],
    ['int 64', [0xd3, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['float 32', [0xca, 1, 2, 3, 4]],
    ['float 64', [0xcb, 1, 2, 3, 4, 5, 6, 7, 8]],
    ['empty fixstr', [0xa0]],
    ['longest fixstr', [0xbf, ...Buffer.alloc(31)]],
    ['str 8', [0xd9, 2, 1, 2]],
    ['str 16', [0xda, 0, 2, 1, 2]],
    ['str 32', [0xdb, 0, 0, 0, 2, 1, 2]],
    ['bin 8', [0xc4, 2, 1, 2]],
    ['bin 16', [0xc5, 0, 2, 1, 2]],
    ['bin 32', [0xc6, 0, 0, 0, 2, 1, 2]],
    ['empty bin', [0xc4, 0]],
    ['empty fixarray', [0x90]],
    ['fixarray', [0x92, 1, 2]],
    ['array 16', [0xdc, 0, 2, 1, 2]],
    ['array 32', [0xdd, 0, 0, 0, 2, 1, 2]],
    ['empty fixmap', [0x80]],
    ['fixmap', [0x81, 1, 2]],
    ['map 16', [0xde, 0, 1, 1, 2]],
    ['map 32', [0xdf, 0, 0, 0, 1, 1, 2]],
  ] as const) {
    // As inner and as last value, followed by a byte of the next message.
    const bytes = Uint8Array.from([0x92, ...value, ...value, 0x93]);
    t.equal(scan(bytes), bytes.length - 1, name);
    for (let end = 0; end < bytes.length - 1; end++)
      t.equal(scan(bytes.subarray(0, end)), 0, `${name}, first ${end} bytes`);
  }
});

t.test('the message itself is an array, of any width', async (t) => {
  for (const bytes of [[0x90], [0xdc, 0, 0], [0xdd, 0, 0, 0, 0]])
    t.equal(scan(Uint8Array.from(bytes)), bytes.length);
  for (const first of [0x00, 0x80, 0xa0, 0xc0, 0xc1, 0xc4, 0xcc, 0xd9, 0xde, 0xe0, 0xff])
    t.throws(() => scan(Uint8Array.of(first)), {
      code: 'ERR_MESSAGE',
      message: 'not a valid message: want an array',
    });
});

t.test('extension types and the unused type are refused', async (t) => {
  for (const type of [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8])
    t.throws(() => scan(Uint8Array.of(0x91, type)), {
      code: 'ERR_MESSAGE',
      message: `not a valid message: type 0x${type.toString(16)} is not accepted`,
    });
});

t.test('depth is bounded', async (t) => {
  t.equal(scan(nested(maxDepth)), maxDepth);
  t.throws(() => scan(nested(maxDepth + 1)), {
    code: 'ERR_MESSAGE',
    message: `not a valid message: deeper than ${maxDepth}`,
  });
  t.throws(() => scan(Buffer.alloc(100_000, 0x91)), { code: 'ERR_MESSAGE' }, 'and not recursive');
});

t.test('elements of all levels are bounded; a map entry counts as two', async (t) => {
  const nils = (count: number) => Buffer.alloc(count, 0xc0);
  for (const [name, bytes, ok] of [
    ['64 in an array', [0xdc, 0, 64, ...nils(64)], true],
    ['65 in an array', [0xdc, 0, 65], false],
    ['31 entries in a map', [0x91, 0xde, 0, 31, ...nils(62)], true],
    ['32 entries in a map', [0x91, 0xde, 0, 32], false],
    ['62 beside one', [0x92, 0xdc, 0, 62, ...nils(62), 0xc0], true],
    ['62 beside 3', [0x92, 0xdc, 0, 62, ...nils(62), 0x91], false],
    ['the largest array', [0xdd, 0xff, 0xff, 0xff, 0xff], false],
    ['the largest map', [0x91, 0xdf, 0xff, 0xff, 0xff, 0xff], false],
  ] as const) {
    const bytesOf = Uint8Array.from(bytes);
    if (ok) t.equal(scan(bytesOf), bytes.length, name);
    else
      t.throws(
        () => scan(bytesOf),
        { code: 'ERR_MESSAGE', message: 'not a valid message: more than 64 elements' },
        name,
      );
  }
});

t.test('a message too large is refused as soon as its length is seen', async (t) => {
  const small = { size: 16, elements: 64 };
  t.equal(scan(Uint8Array.from([0x91, 0xc4, 13, ...Buffer.alloc(13)]), small), 16);
  for (const bytes of [
    [0x91, 0xc4, 14],
    [0x91, 0xdb, 0xff, 0xff, 0xff, 0xff],
    [0x91, 0xc6, 0, 0, 1, 0],
    [0xdc, 0, 14, ...Buffer.alloc(14)],
  ])
    t.throws(() => scan(Uint8Array.from(bytes), small), {
      code: 'ERR_TOO_LARGE',
      message: 'a message has at most 16 bytes',
    });
});

t.test('one scanner serves message after message, at any offset', async (t) => {
  const scanner = new MessageScanner(limits);
  const messages = [pack([0, 1, 'health', []]), pack([2, 'x', [{ a: [1] }]]), pack([])];
  const bytes = Buffer.concat(messages);
  let at = 0;
  for (const { length } of messages) {
    t.equal(scanner.scan(bytes, at, bytes.length), at + length);
    at += length;
    scanner.reset();
  }
  t.throws(() => scanner.scan(Buffer.from([0xc1]), 0, 1), { code: 'ERR_MESSAGE' });
  scanner.reset();
  t.equal(scanner.scan(bytes, 0, bytes.length), messages[0]?.length, 'also after a refusal');
});

t.test('each byte is read once, however slowly bytes arrive', async (t) => {
  let reads = 0;
  const bytes = pack([0, 1, 'x'.repeat(20_000), Array(50).fill(1.5)]);
  const counted = new Proxy(bytes, {
    get(target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) reads++;
      return Reflect.get(target, key);
    },
  });
  const scanner = new MessageScanner(limits);
  for (let end = 1; end < bytes.length; end++) t.notOk(scanner.scan(counted, 0, end));
  t.equal(scanner.scan(counted, 0, bytes.length), bytes.length);
  // An incomplete header is read again: at most 9 times its 9 bytes.
  t.ok(reads < 60 * 50, `${reads} reads`);
});

/** Values that a message may hold: no extension, few elements, not deep. */
const { value: anyValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: maxDepth - 2, depthIdentifier: 'message' },
    fc.constantFrom(null, true, false),
    fc.integer(),
    fc.double(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 4, depthIdentifier: 'message' }),
    fc.dictionary(fc.string({ maxLength: 5 }), tie('value'), {
      maxKeys: 3,
      depthIdentifier: 'message',
    }),
  ),
}));
const anyMessage = fc
  .array(anyValue, { maxLength: 5, depthIdentifier: 'message' })
  .map((value) => new Packr({ useRecords: false, useFloat32: 4 }).pack(value) as Buffer);
const wide = { size: 1 << 24, elements: 1 << 20 };

t.test('the end of a valid message is found, wherever it is split', async (t) => {
  let messages = 0;
  fc.assert(
    fc.property(anyMessage, fc.nat({ max: 9 }), (bytes, offset) => {
      const moved = Buffer.concat([Buffer.alloc(offset, 0xc1), bytes]);
      for (let cut = 0; cut <= bytes.length; cut++) {
        const scanner = new MessageScanner(wide);
        const first = scanner.scan(bytes, 0, cut);
        if (first !== (cut === bytes.length ? bytes.length : 0)) return false;
        // The rest comes, and the bytes have moved meanwhile.
        if (scanner.scan(moved, offset, moved.length) !== moved.length) return false;
      }
      messages++;
      return true;
    }),
    { numRuns: 300 },
  );
  t.equal(messages, 300);
});

t.test('a valid message that arrives byte by byte ends with its last byte', async (t) => {
  fc.assert(
    fc.property(anyMessage, (bytes) => {
      const scanner = new MessageScanner(wide);
      for (let end = 0; end < bytes.length; end++)
        if (scanner.scan(bytes, 0, end) !== 0) return false;
      return scanner.scan(bytes, 0, bytes.length) === bytes.length;
    }),
    { numRuns: 300 },
  );
  t.pass('300 messages');
});

t.test('random bytes are refused with a code, or end where msgpackr ends', async (t) => {
  const outcomes = { ended: 0, refused: 0, short: 0 };
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 64 }),
        // Small bytes after an array's type: mostly valid.
        fc
          .tuple(
            fc.integer({ min: 0x90, max: 0x94 }),
            fc.array(
              fc.oneof(
                fc.nat({ max: 5 }),
                fc.constantFrom(0x91, 0x82, 0xa1, 0xc0, 0xc3, 0xc4, 0xcc, 0xd0, 0xd9, 0xdc, 0xde),
              ),
              { maxLength: 40 },
            ),
          )
          .map(([first, rest]) => Uint8Array.from([first, ...rest])),
      ),
      (bytes) => {
        let end: number;
        try {
          end = scan(bytes);
        } catch (error) {
          outcomes.refused++;
          return error instanceof EntropyError && /^ERR_(MESSAGE|TOO_LARGE)$/.test(error.code);
        }
        if (end === 0) {
          outcomes.short++;
          // What msgpackr can read whole has been refused or has ended.
          return !readsOne(bytes);
        }
        outcomes.ended++;
        return end <= bytes.length && readsOne(bytes.subarray(0, end));
      },
    ),
    { numRuns: 5000 },
  );
  t.comment(outcomes);
  for (const [name, count] of Object.entries(outcomes)) t.ok(count > 50, name);
});

// Maps as maps: any value may be a key.
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: false });

/** Whether these bytes are exactly one value to msgpackr. */
function readsOne(bytes: Uint8Array): boolean {
  try {
    return (unpackr.unpackMultiple(bytes) as unknown[]).length === 1;
  } catch {
    return false;
  }
}
