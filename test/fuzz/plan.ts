/** Plans one connection from a seed: its bytes, where they are cut into writes, and how it ends. */
import { doubtfulMessage } from './doubtful.js';
import { Encoder } from './encoder.js';
import { validMessage } from './messages.js';
import { mutate } from './mutations.js';
import { Prng, weighted } from './prng.js';

type Kind = 'valid' | 'doubtful' | 'mutated';

/** The most messages in a stream, by kind; few if they are sent byte by byte. */
const maxMessages = { valid: 1000, doubtful: 200, mutated: 200, bytewise: 30 };

/** No message begins beyond so many bytes of a stream. */
const maxStreamSize = 2 ** 18;

const kindOf = weighted<Kind>([
  [11, 'valid'],
  [3, 'doubtful'],
  [6, 'mutated'],
]);

/** The probability of an encoding that is not the shortest. */
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

const endingOf = weighted<Plan['ending']>([
  [6, 'end'],
  [3, 'stay'],
  [1, 'leave'],
]);

export interface Plan {
  bytes: Buffer;
  /** Where one write ends and the next begins, ascending. */
  cuts: number[];
  /** Each write waits for the answers to those before it. */
  inTurns: boolean;
  /** Reads nothing until everything is written. */
  readsLate: boolean;
  /** `end` half-closes; `stay` leaves when all answers are there; `leave` leaves before that. */
  ending: 'end' | 'stay' | 'leave';
}

/** @param seed a 32-bit integer; equal seeds give equal plans */
export function plan(seed: number): Plan {
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

function stream(prng: Prng, kind: Kind, bytewise: boolean): Buffer {
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

function someCuts(prng: Prng, size: number): number[] {
  return Array.from({ length: prng.below(maxCutsOf(prng)) }, () => prng.below(size + 1)).sort(
    (a, b) => a - b,
  );
}
