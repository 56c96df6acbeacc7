/** What one connection does, all of it chosen by a seed: its bytes, their pieces, its end. */
import { doubtfulMessage } from './doubtful.mjs';
import { Encoder } from './encoder.mjs';
import { validMessage } from './messages.mjs';
import { mutate } from './mutations.mjs';
import { Prng, weighted } from './prng.mjs';

/** Messages of a stream, by kind; small ones where they are sent byte by byte. */
const maxMessages = { valid: 1000, doubtful: 200, mutated: 200, bytewise: 30 };

/** Bytes of a stream, beyond which no message begins. */
const maxStreamSize = 2 ** 18;

const kindOf = weighted([
  [11, 'valid'],
  [3, 'doubtful'],
  [6, 'mutated'],
]);

/** How often another form than the shortest is taken. */
const wideOf = weighted([
  [12, 0],
  [3, 0.05],
  [1, 0.7],
]);

const maxCutsOf = weighted([
  [5, 1],
  [3, 5],
  [1, 50],
]);

const endingOf = weighted([
  [6, 'end'],
  [3, 'stay'],
  [1, 'leave'],
]);

/**
 * @typedef {object} Plan
 * @property {Buffer} bytes
 * @property {number[]} cuts where a piece ends and the next begins, ascending
 * @property {boolean} inTurns each piece waits for the answers to those before it
 * @property {boolean} readsLate reads nothing before all is written
 * @property {'end' | 'stay' | 'leave'} ending ends its side; goes when all answers are there; goes
 *   before that
 */

/** @returns {Plan} */
export function plan(seed) {
  const prng = new Prng(seed);
  const kind = kindOf(prng);
  const bytewise = prng.chance(0.05);
  const bytes = stream(prng, kind, bytewise);
  return {
    bytes,
    cuts: bytewise ? Array.from(bytes.keys()).slice(1) : someCuts(prng, bytes.length),
    inTurns: prng.chance(0.2),
    readsLate: prng.chance(0.1),
    ending: endingOf(prng),
  };
}

function stream(prng, kind, bytewise) {
  const count = prng.between(1, bytewise ? maxMessages.bytewise : maxMessages[kind]);
  const encoder = new Encoder(prng, wideOf(prng));
  const doubtfulAt = kind === 'doubtful' ? prng.below(count) : -1;
  for (let i = 0; i < count && encoder.size < maxStreamSize; i++) {
    if (i === doubtfulAt) doubtfulMessage(encoder, prng);
    validMessage(encoder, prng);
  }
  const bytes = encoder.take();
  return kind === 'mutated' ? mutate(bytes, prng) : bytes;
}

function someCuts(prng, size) {
  return Array.from({ length: prng.below(maxCutsOf(prng)) }, () => prng.below(size + 1)).sort(
    (a, b) => a - b,
  );
}
