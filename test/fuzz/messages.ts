/** Writes one message to an encoder: a request to be served or refused, or a notification. */
import type { Encoder } from './encoder.js';
import { type Prng, weighted } from './prng.js';

/** Writes one message. */
export type Writer = (encoder: Encoder, prng: Prng) => void;

const maxSize = 1_048_576;

const unknownMethods: readonly string[] = [
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
const knownMethod = weighted([
  [800, 'version'],
  [100, 'health'],
  [20, 'status'],
  [3, 'metrics'],
  [3, 'selftest'],
  [3, 'reseed'],
  [3, 'noise'],
]);

/** Sizes out of range for `random`; some are also out of range as a msgid. */
export const badSizes: readonly (number | bigint)[] = [
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

/** A msgid. */
export function id(prng: Prng): number {
  return prng.magnitude(32) - 1;
}

/** A size for `random`, mostly small: the time is to go into frames, not into bytes. */
function size(prng: Prng): number {
  if (prng.chance(0.0004)) return prng.chance(0.2) ? maxSize : prng.magnitude(20);
  return prng.chance(0.005) ? prng.magnitude(16) : prng.magnitude(6);
}

/** Writes a request up to its params, which must follow. */
export function begin(encoder: Encoder, prng: Prng, name: string): void {
  encoder.array(4);
  encoder.integer(0);
  encoder.integer(id(prng));
  if (prng.chance(0.02)) encoder.bin(name);
  else encoder.str(name);
}

function plain(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, 'random');
  encoder.array(1);
  encoder.integer(size(prng));
}

function option(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, 'random');
  encoder.array(2);
  encoder.integer(size(prng));
  if (prng.chance(0.3)) {
    encoder.map(0);
    return;
  }
  encoder.map(1);
  encoder.str('predictionResistance');
  encoder.boolean(prng.chance(0.05));
}

function badOption(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, 'random');
  const kind = prng.below(4);
  encoder.array(kind === 3 ? 3 : 2);
  encoder.integer(size(prng));
  if (kind === 0) {
    encoder.any(2);
    return;
  }
  encoder.map(1);
  encoder.str(kind === 1 ? prng.pick(unknownMethods) : 'predictionResistance');
  if (kind === 2) encoder.any(1);
  else encoder.boolean(false);
  if (kind === 3) encoder.any(1);
}

function badLength(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, 'random');
  const kind = prng.below(4);
  encoder.array(kind === 0 ? 0 : 1);
  if (kind === 1) encoder.integer(prng.pick(badSizes));
  if (kind === 2) encoder.float(prng.pick([0.5, 1.5, -1, Number.NaN, Number.POSITIVE_INFINITY]));
  if (kind === 3) encoder.any(2);
}

function call(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, knownMethod(prng));
  encoder.array(0);
}

function badParams(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, knownMethod(prng));
  const count = prng.between(1, 3);
  encoder.array(count);
  for (let i = 0; i < count; i++) encoder.any(2);
}

function noMethod(encoder: Encoder, prng: Prng): void {
  begin(encoder, prng, prng.pick(unknownMethods));
  const count = prng.below(3);
  encoder.array(count);
  for (let i = 0; i < count; i++) encoder.any(3);
}

function notification(encoder: Encoder): void {
  encoder.array(3);
  encoder.integer(2);
  encoder.any(2);
  encoder.any(2);
}

/** Mostly what is fast, so that ten million messages take minutes. */
const valid = weighted<Writer>([
  [850, plain],
  [10, option],
  [6, badOption],
  [8, badLength],
  [12, call],
  [4, badParams],
  [8, noMethod],
  [10, notification],
]);

/** Writes a message that gets an answer, or a notification. */
export function validMessage(encoder: Encoder, prng: Prng): void {
  valid(prng)(encoder, prng);
}
