/** Writes bytes to an encoder that are mostly not a valid message. */
import type { Encoder } from './encoder.js';
import { badSizes, begin, id, type Writer } from './messages.js';
import { type Prng, weighted } from './prng.js';

/** docs/protocol.md, Limits. */
const maxMessageSize = 65_536;

/** An array of 0 to 5 values, each either what belongs in its place or anything at all. */
function wrongShape(encoder: Encoder, prng: Prng): void {
  const count = prng.chance(0.6) ? 4 : prng.below(6);
  encoder.array(count);
  for (let i = 0; i < count; i++) {
    if (prng.chance(0.3)) encoder.any(2);
    else if (i === 0) encoder.integer(prng.below(4));
    else if (i === 1) encoder.integer(prng.chance(0.5) ? id(prng) : prng.pick(badSizes));
    else if (i === 2) encoder.str('random');
    else encoder.array(0);
  }
}

function extension(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, 'random');
  encoder.array(1);
  const types = [0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8];
  encoder.raw([prng.pick(types), ...prng.bytes(prng.below(20))]);
}

function tooDeep(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, 'random');
  for (let level = prng.between(1, 60); level >= 0; level--) encoder.array(1);
  encoder.any(2);
}

function tooMany(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, 'random');
  encoder.array(prng.between(58, 70));
  for (let i = 0; i < 70; i++) encoder.any(1);
}

/** Headers of arrays, maps, str and bin: beyond the limits, and just within the limit of the size. */
const hugeHeaders: readonly number[][] = [
  [0xdd, 0xff, 0xff, 0xff, 0xff],
  [0xdc, 0xff, 0xff],
  [0xdf, 0x80, 0, 0, 0],
  [0xde, 0, 33],
  [0xdb, 0xff, 0xff, 0xff, 0xff],
  [0xdb, 0, 1, 0, 0],
  [0xda, 0xff, 0xff],
  [0xda, 0xff, 0x80],
  [0xc6, 0xff, 0xff, 0xff, 0xff],
  [0xc6, 0, 1, 0, 0],
  [0xc5, 0xff, 0xff],
  [0xc5, 0xff, 0x80],
];

function huge(encoder: Encoder, prng: Prng): void {
  if (prng.chance(0.5)) begin(encoder, prng, 'random');
  else encoder.array(prng.below(5));
  encoder.raw(prng.pick(hugeHeaders));
  encoder.raw(prng.bytes(prng.below(30)));
}

/** Exactly 64 elements, or one more. */
function lastElement(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, 'nobody');
  const more = prng.below(2);
  const inMap = prng.chance(0.5);
  // The request has 4, params have their own, and each entry of the map counts as two.
  const params = inMap ? 2 + more : 60 + more;
  encoder.array(params);
  for (let i = inMap ? 1 : 0; i < params; i++) encoder.any(0);
  if (!inMap) return;
  encoder.map(29);
  for (let i = 0; i < 29; i++) {
    encoder.str(`${i}`);
    encoder.any(0);
  }
}

/** Exactly 8 arrays within each other, or one more. */
function lastLevel(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, 'nobody');
  const levels = 8 + prng.below(2);
  for (let level = 2; level < levels; level++) encoder.array(1);
  encoder.array(0);
}

/** A message of exactly 65,536 bytes, or one more. */
function lastByte(encoder: Encoder, prng: Prng): void {
  const end = encoder.size + maxMessageSize + prng.below(2);
  encoder.array(4);
  encoder.integer(0);
  encoder.integer(id(prng));
  const size = end - encoder.size - 4;
  encoder.raw([0xda, size >> 8, size & 0xff]);
  encoder.raw(Buffer.alloc(size, 'x'));
  encoder.raw([0x90]);
}

function garbage(encoder: Encoder, prng: Prng): void {
  if (prng.chance(0.2)) encoder.raw(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  else encoder.raw(prng.bytes(prng.between(1, 60)));
}

const doubtful = weighted<Writer>([
  [4, wrongShape],
  [2, extension],
  [1, tooDeep],
  [1, tooMany],
  [2, huge],
  [2, lastElement],
  [2, lastLevel],
  [2, lastByte],
  [2, garbage],
]);

/** Writes bytes that are probably not a valid message. */
export function doubtfulMessage(encoder: Encoder, prng: Prng): void {
  doubtful(prng)(encoder, prng);
}
