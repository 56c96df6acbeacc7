/** Sequences whose estimates by NIST's tool are in test/vectors/90b/figures.json, or whose entropy is known. */

/** Marsaglia's xorshift32: the same numbers everywhere. @returns a function for numbers below 1 */
export function prng(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** `size` samples, each made from its index, a random number below 1, and the sample before. */
export function sequence(
  size: number,
  next: (i: number, random: () => number, last: number) => number,
): Uint8Array {
  const samples = new Uint8Array(size);
  const random = prng(90);
  let last = 0;
  for (let i = 0; i < size; i++) samples[i] = last = next(i, random, last);
  return samples;
}

const uniform = (below: number) => (_: number, random: () => number) =>
  Math.floor(random() * below);

/** Every pair of neighbors occurs once: the Lyndon words of one and two symbols, one after the other. */
function deBruijn(alphabet: number): Uint8Array {
  const words = Array.from({ length: alphabet }, (_, i) => [
    i,
    ...Array.from({ length: alphabet - 1 - i }, (_, j) => [i, i + 1 + j]).flat(),
  ]);
  return Uint8Array.from([...words.flat(), 0]);
}

/** By name; each fills, or does not fill, something that the others do not. */
export const sequences: Readonly<Record<string, () => Uint8Array>> = {
  'uniform bytes': () => sequence(150_000, uniform(256)),
  'uniform bits': () => sequence(200_000, uniform(2)),
  'bits, 90 % ones': () => sequence(20_000, (_, random) => (random() < 0.9 ? 1 : 0)),
  'bits that stay with 90 %': () =>
    sequence(20_000, (_, random, last) => (random() < 0.9 ? last : 1 - last)),
  'bits that change with 90 %': () =>
    sequence(20_000, (_, random, last) => (random() < 0.9 ? 1 - last : last)),
  'bytes, half of them zero': () =>
    sequence(20_000, (_, random) => (random() < 0.5 ? 0 : Math.floor(random() * 256))),
  'two values of a byte': () => sequence(10_000, (_, random) => (random() < 0.7 ? 200 : 65)),
  'five values with gaps': () =>
    sequence(10_000, (_, random) => [0, 3, 17, 130, 131][Math.floor(random() * 5)] as number),
  'a counter': () => sequence(20_000, (i) => i % 256),
  'period 3': () => sequence(10_000, (i) => [4, 1, 2][i % 3] as number),
  'period 129': () =>
    sequence(10_000, (i) => (i % 129 === 0 ? 1 : Math.imul(i % 129, i % 129) & 1)),
  'period 100 with noise': () =>
    sequence(20_000, (i, random) =>
      random() < 0.05 ? Math.floor(random() * 16) : Math.imul(i % 100, 7) % 16,
    ),
  'a walk': () =>
    sequence(20_000, (_, random, last) => (last + Math.floor(random() * 3) - 1 + 64) % 64),
  'runs of up to 500': () => {
    let left = 0;
    return sequence(20_000, (_, random, last) => {
      if (left-- > 0) return last;
      left = Math.floor(random() * 500);
      return Math.floor(random() * 8);
    });
  },
  'the same twice': () => {
    const half = sequence(10_000, uniform(32));
    return Uint8Array.from([...half, ...half]);
  },
  'one other bit': () => sequence(10_000, (i) => (i === 5_000 ? 1 : 0)),
  'every pair once': () => deBruijn(100),
  'too few of each value': () => sequence(6_012, uniform(256)),
};
