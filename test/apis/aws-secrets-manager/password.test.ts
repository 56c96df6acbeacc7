import { createCipheriv, createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import {
  bytesFor,
  characterTypes,
  drawPassword,
  type PasswordRules,
} from '../../../src/apis/aws-secrets-manager/password.js';
import { EntropyError } from '../../../src/common/errors.js';

/** Random bytes that are the same in every run: the keystream of AES-256-CTR under a seed's digest. */
function keystream(seed: string) {
  const key = createHash('sha256').update(seed).digest();
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  const given: Uint8Array[] = [];
  return {
    given,
    async random(size: number) {
      const bytes = Uint8Array.from(cipher.update(new Uint8Array(size)));
      given.push(bytes);
      return bytes;
    },
  };
}

const text = (password: Uint8Array) => Buffer.from(password).toString('latin1');
const all = Object.values(characterTypes);

/** Pearson's statistic of counts that are equal on average; values that did not occur count as well. */
function chiSquare(counts: ReadonlyMap<string, number>, values: number): number {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const average = total / values;
  const seen = [...counts.values()].reduce((sum, count) => sum + (count - average) ** 2, 0);
  return (seen + (values - counts.size) * average ** 2) / average;
}

function count(counts: Map<string, number>, value: string): void {
  counts.set(value, (counts.get(value) ?? 0) + 1);
}

// Both tests of distribution: with random bytes the false-alarm probability would be 10^-6; with this
// keystream they have one result, whenever they run.
const limits = { 63: 131.4, 93: 172.8 } as const;

/** Two types, both of them required: 3^4 texts, less the 2^4 without a zero and the one of zeros. */
const small: PasswordRules = { length: 4, types: ['ab', '0'], required: 2 };
const smallPasswords = 64;
const draws = 500 * smallPasswords;

t.test('every password with the required types has the same probability', async (t) => {
  const { random } = keystream('required');
  const counts = new Map<string, number>();
  for (let i = 0; i < draws; i++) count(counts, text(await drawPassword(small, random)));
  t.equal(counts.size, smallPasswords);
  for (const password of counts.keys()) t.match(password, /^(?=.*[ab])(?=.*0)[ab0]{4}$/);
  t.ok(chiSquare(counts, smallPasswords) < limits[63], `${chiSquare(counts, smallPasswords)}`);
});

t.test('one of each type at a random position, then filled up, would fail that test', async (t) => {
  const { random } = keystream('placed');
  const counts = new Map<string, number>();
  const below = async (n: number) => Buffer.from(await random(4)).readUInt32LE() % n;
  for (let i = 0; i < draws; i++) {
    const letter = await below(4);
    const zero = (letter + 1 + (await below(3))) % 4;
    const characters = ['', '', '', ''];
    for (let at = 0; at < 4; at++)
      characters[at] = at === zero ? '0' : ('ab0'[await below(at === letter ? 2 : 3)] ?? '');
    count(counts, characters.join(''));
  }
  t.ok(chiSquare(counts, smallPasswords) > 3 * limits[63]);
});

t.test('every character has the same probability at every position', async (t) => {
  const { random } = keystream('characters');
  const rules = { length: 4, types: all, required: 0 };
  const positions = [0, 1, 2, 3].map(() => new Map<string, number>());
  for (let i = 0; i < 20_000; i++)
    for (const [at, character] of [...text(await drawPassword(rules, random))].entries())
      count(positions[at] as Map<string, number>, character);
  for (const counts of positions)
    t.ok(chiSquare(counts, 94) < limits[93], `${chiSquare(counts, 94)}`);
});

t.test('a byte is a character or is drawn again, whatever their number', async (t) => {
  for (let characters = 1; characters <= 95; characters++) {
    const types = [Buffer.from(Array.from({ length: characters }, (_, i) => 32 + i)).toString()];
    const counts = new Map<string, number>();
    const accepted = 256 - (256 % characters);
    // Each byte once: as many as are accepted make a password.
    const random = async () => Uint8Array.from({ length: 256 }, (_, i) => i);
    const rules = { length: accepted, types, required: 0 };
    for (const character of text(await drawPassword(rules, random))) count(counts, character);
    t.equal(counts.size, characters);
    t.ok(
      [...counts.values()].every((each) => each === accepted / characters),
      `${characters}`,
    );
  }
});

const anyRules = fc
  .record({
    types: fc.array(fc.integer({ min: 1, max: 26 }), { minLength: 1, maxLength: 4 }),
    more: fc.integer({ min: 0, max: 60 }),
    required: fc.nat(4),
  })
  .map(({ types, more, required }) => {
    const needed = Math.min(required, types.length);
    return {
      length: Math.max(1, needed + more),
      types: types.map((size, i) => all.join('').slice(23 * i, 23 * i + Math.min(size, 23))),
      required: needed,
    };
  });

t.test('has its length, its characters and its types, and little is asked for it', async (t) => {
  const { random, given } = keystream('any');
  await t.resolves(
    fc.assert(
      fc.asyncProperty(anyRules, async (rules) => {
        given.length = 0;
        const password = text(await drawPassword(rules, random));
        const has = (type: string) => [...type].some((character) => password.includes(character));
        return (
          password.length === rules.length &&
          [...password].every((character) => rules.types.join('').includes(character)) &&
          rules.types.slice(0, rules.required).every(has) &&
          given.every((bytes) => bytes.length <= 12_000 && bytes.every((byte) => byte === 0)) &&
          // False alarm: below 2^-20 for each, with these bytes in no run.
          given.length <= 20
        );
      }),
      { numRuns: 500, seed: 1 },
    ),
  );
});

t.test('a request is never larger than a random source takes, and mostly enough', async (t) => {
  let most = 0;
  let fewest = Number.POSITIVE_INFINITY;
  const sizes = [1, 2, 5, 10, 26, 32];
  for (const a of sizes)
    for (const b of sizes)
      for (const c of sizes)
        for (const d of [1, 10, 32])
          for (const length of [4, 5, 8, 64, 4096])
            for (const spaces of ['', ' ']) {
              const types = [...[a, b, c, d].map((size) => 'x'.repeat(size)), spaces];
              if (types.join('').length > 95) continue;
              const size = bytesFor({ length, types, required: 4 });
              most = Math.max(most, size);
              fewest = Math.min(fewest, size - length);
            }
  t.ok(most <= 12_000, `${most}`);
  t.ok(fewest >= 16, `${fewest}`);
  t.ok(bytesFor({ length: 1, types: ['x'], required: 0 }) >= 17);
});

t.test('bytes that are not random end in an error, and leave nothing behind', async (t) => {
  const given: Uint8Array[] = [];
  const random = async (size: number) => {
    const bytes = new Uint8Array(size).fill(0x61);
    given.push(bytes);
    return bytes;
  };
  await t.rejects(drawPassword({ length: 8, types: all, required: 4 }, random), {
    name: 'EntropyError',
    code: 'ERR_ENTROPY',
  });
  t.equal(given.length, 64);
  t.ok(given.every((bytes) => bytes.every((byte) => byte === 0)));
});

t.test('a failure in between is passed on, and nothing more is asked', async (t) => {
  let requests = 0;
  const random = async (size: number) => {
    if (++requests === 3) throw new EntropyError('ERR_RATE', 'x');
    return new Uint8Array(size);
  };
  const rules = { length: 8, types: all, required: 4 };
  await t.rejects(drawPassword(rules, random), { code: 'ERR_RATE' });
  t.equal(requests, 3);
});

t.test('its memory is its own', async (t) => {
  const { random } = keystream('memory');
  const password = await drawPassword({ length: 7, types: all, required: 4 }, random);
  t.equal(password.buffer.byteLength, 7);
});
