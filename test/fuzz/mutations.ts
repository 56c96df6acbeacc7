/** Damages a stream of bytes. */
import type { Prng } from './prng.js';

/** MessagePack type bytes that replace a damaged byte: one of each kind, and those not accepted. */
const types = [
  0x00, 0x7f, 0x80, 0x8f, 0x90, 0x91, 0x94, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc3, 0xc4, 0xc6, 0xc7,
  0xca, 0xcb, 0xcc, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0,
  0xff,
];

/** The longest range that is inserted, removed or repeated, bytes. */
const maxRange = 64;

type Mutation = (bytes: Buffer, prng: Prng) => Buffer;

function splice(bytes: Buffer, from: number, to: number, inserted: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, from), inserted, bytes.subarray(to)]);
}

function range(bytes: Buffer, prng: Prng): [from: number, to: number] {
  const from = prng.below(bytes.length);
  return [from, Math.min(bytes.length, from + prng.between(1, maxRange))];
}

const mutations: Mutation[] = [
  function flipBits(bytes, prng) {
    for (let left = prng.between(1, 3); left > 0; left--) {
      const at = prng.below(bytes.length);
      bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << prng.below(8)), at);
    }
    return bytes;
  },
  function changeType(bytes, prng) {
    bytes[prng.below(bytes.length)] = prng.pick(types);
    return bytes;
  },
  function truncate(bytes, prng) {
    return bytes.subarray(0, prng.below(bytes.length));
  },
  function remove(bytes, prng) {
    return splice(bytes, ...range(bytes, prng), Buffer.alloc(0));
  },
  function insert(bytes, prng) {
    const at = prng.below(bytes.length);
    return splice(bytes, at, at, prng.bytes(prng.between(1, maxRange)));
  },
  function repeat(bytes, prng) {
    const [from, to] = range(bytes, prng);
    return splice(bytes, from, from, bytes.subarray(from, to));
  },
  function nest(bytes, prng) {
    const at = prng.below(bytes.length);
    return splice(bytes, at, at, Buffer.alloc(prng.between(1, 200), prng.pick([0x91, 0x81, 0xdc])));
  },
];

/**
 * Applies one to three mutations.
 * @param bytes may be changed in place
 * @returns the damaged bytes; empty if a mutation removed them all
 */
export function mutate(bytes: Buffer, prng: Prng): Buffer {
  let damaged = bytes;
  for (let left = prng.between(1, 3); left > 0 && damaged.length > 0; left--)
    damaged = prng.pick(mutations)(damaged, prng);
  return damaged;
}
