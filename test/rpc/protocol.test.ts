import fc from 'fast-check';
import t from 'tap';
import {
  maxRandomRequestSize,
  maxRandomSize,
  maxResponseHeaderSize,
  readRandomRequest,
  readResponseHeader,
  requestSlack,
  responseHeaderSize,
  writeRandomRequest,
  writeResponseHeader,
} from '../../src/rpc/protocol.js';
import { message, pack, unpackAll } from '../support/raw.js';

const maxUint32 = 2 ** 32 - 1;

/** Id and size that were read last. */
const fields = { id: 0, size: 0 };

/** Integers at which the width of the encoding changes, and between them. */
const ids = [0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, maxUint32];
const anyId = fc.oneof(fc.constantFrom(...ids), fc.nat({ max: maxUint32 }));
const anySize = fc.oneof(
  fc.constantFrom(1, 127, 128, 255, 256, 65_535, 65_536, maxRandomSize),
  fc.integer({ min: 1, max: maxRandomSize }),
);

/** `value` as MessagePack, in each width that holds it. */
function widths(value: number): Buffer[] {
  const all = [Buffer.from([0xce, ...uint32(value)])];
  if (value <= 0xffff) all.push(Buffer.from([0xcd, value >>> 8, value]));
  if (value <= 0xff) all.push(Buffer.from([0xcc, value]));
  if (value <= 0x7f) all.push(Buffer.from([value]));
  return all;
}

function uint32(value: number): number[] {
  return [value >>> 24, value >>> 16, value >>> 8, value].map((part) => part & 0xff);
}

function requestBytes(id: Buffer, size: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from([0x94, 0x00]),
    id,
    Buffer.from([0xa6]),
    Buffer.from('random'),
    Buffer.from([0x91]),
    size,
  ]);
}

t.test('a random request is written as MessagePack-RPC', async (t) => {
  fc.assert(
    fc.property(anyId, anySize, (id, size) => {
      const bytes = new Uint8Array(maxRandomRequestSize);
      const end = writeRandomRequest(bytes, 0, id, size);
      t.strictSame(unpackAll(bytes.subarray(0, end)), [[0, id, 'random', [size]]]);
    }),
    { numRuns: 50 },
  );
  const longest = new Uint8Array(maxRandomRequestSize);
  t.equal(writeRandomRequest(longest, 0, maxUint32, maxRandomSize), maxRandomRequestSize);
});

const viewOf = ({ buffer, byteOffset, length }: Uint8Array) =>
  new DataView(buffer, byteOffset, length);

/** Reads with exactly the slack that the function needs, filled with bytes of another request. */
function read(bytes: Uint8Array, at: number, end: number): number {
  const room = requestBytes(Buffer.from([1]), Buffer.from([1])).subarray(0, requestSlack);
  const view = viewOf(Buffer.concat([bytes, room]));
  return readRandomRequest(view, at, end, fields);
}

t.test('a request is read with integers of any width, at any offset', async (t) => {
  for (const id of ids)
    for (const size of [1, 127, 128, 255, 256, 65_535, 65_536, maxRandomSize])
      for (const idBytes of widths(id))
        for (const sizeBytes of widths(size)) {
          const request = requestBytes(idBytes, sizeBytes);
          const bytes = Buffer.concat([Buffer.alloc(3, 0x94), request, Buffer.alloc(3, 0x94)]);
          const end = read(bytes, 3, 3 + request.length);
          if (end !== 3 + request.length || fields.id !== id || fields.size !== size)
            t.fail(`${id}, ${size}: ${request.toString('hex')}`);
        }
  t.ok(read(requestBytes(Buffer.from([1]), Buffer.from([1])), 0, 12), 'the shortest has 12 bytes');
});

t.test('a request that is cut short is not read, whatever follows it', async (t) => {
  for (const id of widths(5))
    for (const size of widths(7)) {
      const request = requestBytes(id, size);
      for (let end = 0; end < request.length; end++) {
        t.equal(read(request.subarray(0, end), 0, end), 0);
        t.equal(read(request, 0, end), 0, 'the rest is past the end');
      }
    }
});

t.test('any other request is left to the scanner', async (t) => {
  for (const [name, value] of [
    ['size 0', [0, 1, 'random', [0]]],
    ['a size too large', [0, 1, 'random', [maxRandomSize + 1]]],
    ['a negative size', [0, 1, 'random', [-1]]],
    ['a decimal size', [0, 1, 'random', [1.5]]],
    ['no size', [0, 1, 'random', []]],
    ['options', [0, 1, 'random', [1, {}]]],
    ['another method', [0, 1, 'health', [1, 2, 3, 4, 5]]],
    ['a method of the same length', [0, 1, 'randon', [1]]],
    ['a method as bin', [0, 1, Buffer.from('random'), [1]]],
    ['a negative id', [0, -1, 'random', [1]]],
    ['an id of 33 bits', [0, 2 ** 32, 'random', [1]]],
    ['an id as text', [0, '1', 'random', [1]]],
    ['a response', [1, 1, 'random', [1]]],
    ['a notification', [2, 1, 'random', [1]]],
    ['five elements', [0, 1, 'random', [1], 1]],
    ['a map', { a: 0, b: 1, c: 'random', d: [1] }],
    ['text', 'random random random'],
  ] as const) {
    const bytes = pack(value);
    t.equal(read(bytes, 0, bytes.length), 0, name);
  }
});

t.test('of any bytes, a request is read only if msgpackr reads the same', async (t) => {
  const whole = message(300, 'random', [70_000]);
  fc.assert(
    fc.property(
      fc.nat({ max: whole.length - 1 }),
      fc.nat({ max: 255 }),
      fc.nat({ max: whole.length }),
      (place, byte, end) => {
        const bytes = Buffer.from(whole);
        bytes[place] = byte;
        const next = read(bytes, 0, end);
        if (next === 0) return true;
        const [request] = unpackAll(bytes.subarray(0, next));
        return (
          next <= end &&
          JSON.stringify(request) === JSON.stringify([0, fields.id, 'random', [fields.size]])
        );
      },
    ),
    { numRuns: 5000 },
  );
  t.pass('5000 mutations');
});

t.test('a header and its random bytes are one MessagePack-RPC response', async (t) => {
  fc.assert(
    fc.property(anyId, anySize, (id, size) => {
      const header = responseHeaderSize(size);
      const bytes = Buffer.alloc(header + size, 0xaa);
      t.equal(writeResponseHeader(viewOf(bytes), 0, id, size), header);
      const [[type, answered, error, result] = []] = unpackAll(bytes);
      t.strictSame([type, answered, error], [1, id, null]);
      t.equal((result as Uint8Array).length, size);
      t.equal(readResponseHeader(bytes, 0, bytes.length, fields), header);
      t.strictSame({ ...fields }, { id, size });
    }),
    { numRuns: 50 },
  );
});

t.test('a response header has 10 to 13 bytes', async (t) => {
  for (const [size, header] of [
    [1, 10],
    [255, 10],
    [256, 11],
    [65_535, 11],
    [65_536, 13],
    [maxRandomSize, maxResponseHeaderSize],
  ] as const)
    t.equal(responseHeaderSize(size), header, `${size} bytes`);
});

t.test('a response header is read with an id of any width, at any offset', async (t) => {
  for (const id of ids)
    for (const idBytes of widths(id))
      for (const [kind, size] of [
        [[0xc4, 0x01], 1],
        [[0xc5, 0x00, 0x01], 1],
        [[0xc6, 0x00, 0x00, 0x00, 0x01], 1],
        [[0xc4, 0xff], 255],
        [[0xc5, 0xff, 0xff], 65_535],
        [[0xc6, 0xff, 0xff, 0xff, 0xff], maxUint32],
      ] as const) {
        const header = Buffer.from([0x94, 0x01, ...idBytes, 0xc0, ...kind]);
        const bytes = Buffer.concat([Buffer.alloc(2), header, Buffer.alloc(2)]);
        const at = readResponseHeader(bytes, 2, 2 + header.length, fields);
        if (at !== 2 + header.length || fields.id !== id || fields.size !== size)
          t.fail(header.toString('hex'));
      }
  t.pass('all widths');
});

t.test('a response header that is cut short is not read, whatever follows it', async (t) => {
  for (const size of [1, 256, 65_536]) {
    const bytes = new Uint8Array(maxResponseHeaderSize);
    const length = writeResponseHeader(viewOf(bytes), 0, maxUint32, size);
    for (let end = 0; end < length; end++) {
      t.equal(readResponseHeader(bytes.subarray(0, end), 0, end, fields), 0);
      t.equal(readResponseHeader(bytes, 0, end, fields), 0, 'the rest is past the end');
    }
  }
});

t.test('any other response is left to the scanner', async (t) => {
  for (const [name, value] of [
    ['an error', [1, 1, ['ERR_BUSY', 'try again'], null]],
    ['no bytes', [1, 1, null, null]],
    ['text', [1, 1, null, 'x'.repeat(20)]],
    ['an array', [1, 1, null, [1, 2, 3, 4, 5, 6, 7]]],
    ['a request', [0, 1, null, Buffer.alloc(9)]],
    ['a negative id', [1, -1, null, Buffer.alloc(9)]],
    ['three elements', [1, 1, null]],
  ] as const) {
    const bytes = pack(value);
    t.equal(readResponseHeader(bytes, 0, bytes.length, fields), 0, name);
  }
});

t.test('of any bytes, a response header is never read past the end', async (t) => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 20 }),
      fc.boolean(),
      fc.nat({ max: 20 }),
      (bytes, likely, at) => {
        if (likely && bytes.length > 1) bytes.set([0x94, 0x01]);
        const next = readResponseHeader(bytes, at, bytes.length, fields);
        return next === 0 || (next > at && next <= bytes.length);
      },
    ),
    { numRuns: 2000 },
  );
  t.pass('2000 inputs');
});
