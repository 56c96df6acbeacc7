/** One message into an encoder: a request that is served or refused, or a notification. */
import { weighted } from './prng.mjs';

const maxSize = 1_048_576;

const unknownMethods = [
  '',
  'Random',
  'rando',
  'randomm',
  'random\0',
  'constructor',
  '__proto__',
  'toString',
  'größe',
  '乱数',
  'x'.repeat(31),
  'x'.repeat(32),
  'x'.repeat(300),
];
const called = weighted([
  [800, 'version'],
  [100, 'health'],
  [20, 'status'],
  [3, 'metrics'],
  [3, 'selftest'],
  [3, 'reseed'],
  [3, 'noise'],
]);
export const badSizes = [
  0,
  -1,
  -33,
  2 ** 20 + 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2n ** 63n,
  2n ** 64n - 1n,
];

export function id(prng) {
  return prng.magnitude(32) - 1;
}

/** Mostly small, so that frames and not bytes are what takes the time. */
function size(prng) {
  if (prng.chance(0.0004)) return prng.chance(0.2) ? maxSize : prng.magnitude(20);
  return prng.chance(0.005) ? prng.magnitude(16) : prng.magnitude(6);
}

/** All of a request but its params, which follow. */
export function begin(encoder, prng, name) {
  encoder.array(4);
  encoder.integer(0);
  encoder.integer(id(prng));
  if (prng.chance(0.02)) encoder.bin(name);
  else encoder.str(name);
}

function plain(encoder, prng) {
  begin(encoder, prng, 'random');
  encoder.array(1);
  encoder.integer(size(prng));
}

function option(encoder, prng) {
  begin(encoder, prng, 'random');
  encoder.array(2);
  encoder.integer(size(prng));
  if (prng.chance(0.3)) return encoder.map(0);
  encoder.map(1);
  encoder.str('predictionResistance');
  encoder.boolean(prng.chance(0.05));
}

function badOption(encoder, prng) {
  begin(encoder, prng, 'random');
  const kind = prng.below(4);
  encoder.array(kind === 3 ? 3 : 2);
  encoder.integer(size(prng));
  if (kind === 0) return encoder.any(2);
  encoder.map(1);
  encoder.str(kind === 1 ? prng.pick(unknownMethods) : 'predictionResistance');
  if (kind === 2) return encoder.any(1);
  encoder.boolean(false);
  if (kind === 3) encoder.any(1);
}

function badLength(encoder, prng) {
  begin(encoder, prng, 'random');
  const kind = prng.below(4);
  encoder.array(kind === 0 ? 0 : 1);
  if (kind === 1) encoder.integer(prng.pick(badSizes));
  if (kind === 2) encoder.float(prng.pick([0.5, 1.5, -1, Number.NaN, Number.POSITIVE_INFINITY]));
  if (kind === 3) encoder.any(2);
}

function call(encoder, prng) {
  begin(encoder, prng, called(prng));
  encoder.array(0);
}

function badParams(encoder, prng) {
  begin(encoder, prng, called(prng));
  const count = prng.between(1, 3);
  encoder.array(count);
  for (let i = 0; i < count; i++) encoder.any(2);
}

function noMethod(encoder, prng) {
  begin(encoder, prng, prng.pick(unknownMethods));
  const count = prng.below(3);
  encoder.array(count);
  for (let i = 0; i < count; i++) encoder.any(3);
}

function notification(encoder) {
  encoder.array(3);
  encoder.integer(2);
  encoder.any(2);
  encoder.any(2);
}

/** Mostly what takes no time, so that ten million messages take minutes. */
const valid = weighted([
  [850, plain],
  [10, option],
  [6, badOption],
  [8, badLength],
  [12, call],
  [4, badParams],
  [8, noMethod],
  [10, notification],
]);

/** A message that is answered, or a notification. */
export function validMessage(encoder, prng) {
  valid(prng)(encoder, prng);
}
