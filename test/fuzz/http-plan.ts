/** What a connection sends, and how: made from a seed, and made smaller when it has found a fault. */
import type { Expected, Oracle } from './http-oracle.js';
import {
  brokenBody,
  changedRequest,
  type KnownRequest,
  knownRequest,
  oddRequest,
  twoHosts,
  unknownCoding,
} from './http-requests.js';
import { mutate } from './mutations.js';
import { Prng, weighted } from './prng.js';

/** What follows the requests whose answers are known. */
export type TailName =
  | 'none'
  | 'odd'
  | 'changed'
  | 'two hosts'
  | 'unknown coding'
  | 'broken body'
  | 'damaged'
  | 'cut'
  | 'noise';

export interface Tail {
  readonly name: TailName;
  readonly bytes: Buffer;
  /** How many answers it gets, at least and at most. */
  readonly answers: readonly [least: number, most: number];
  /** What must answer it first. */
  readonly expected: Expected;
}

/** How the bytes are sent and the answers read. */
export interface Delivery {
  /** Where one write ends and the next begins. */
  readonly cuts: readonly number[];
  /**
   * `half`: the sending side ends right behind the requests, RFC 9112 9.6; `answered`: when all that is
   * due has come; `leave`, `reset`: the client goes after `cuts`' last byte and reads no answer.
   */
  readonly end: 'half' | 'answered' | 'leave' | 'reset';
  /** Whether the answers are left in the kernel at first, and then read in small pieces. */
  readonly slow: boolean;
}

/** One connection. */
export interface Plan {
  readonly requests: readonly KnownRequest[];
  readonly tail: Tail;
  readonly delivery: Delivery;
}

const noTail: Tail = { name: 'none', bytes: Buffer.alloc(0), answers: [0, 0], expected: {} };

/** Only streams below this size are sent in tiny pieces: the gateway cuts off slow uploads. */
const maxSlowSize = 4_000;

/** Requests of a deep pipeline, at most: eight such connections stay below the gateway's limit. */
const maxDepth = 120;

const tailOf = weighted<TailName>([
  [3, 'none'],
  [6, 'odd'],
  [2, 'changed'],
  [1, 'two hosts'],
  [1, 'unknown coding'],
  [1, 'broken body'],
  [4, 'damaged'],
  [1, 'cut'],
  [1, 'noise'],
]);

const endOf = weighted<Delivery['end']>([
  [10, 'answered'],
  [8, 'half'],
  [1, 'leave'],
  [1, 'reset'],
]);

/** @param verifies whether the gateway verifies credentials */
export function planOf(seed: number, oracle: Oracle, verifies: boolean): Plan {
  const prng = new Prng(seed);
  const another = () => knownRequest(oracle, verifies, prng);
  const requests = [another()];
  if (prng.chance(0.03)) {
    const depth = prng.between(2, maxDepth);
    while (requests.length < depth) requests.push(another());
  }
  while (prng.chance(0.6)) requests.push(another());
  const tail = makeTail(tailOf(prng), another, oracle, verifies, prng);
  const size = bytesOf({ requests, tail }).length;
  return { requests, tail, delivery: makeDelivery(size, prng) };
}

function makeTail(
  name: TailName,
  another: () => KnownRequest,
  oracle: Oracle,
  verifies: boolean,
  prng: Prng,
): Tail {
  const once = ({ bytes, expected }: KnownRequest): Tail => ({
    ...{ name, bytes, expected, answers: [1, 1] },
  });
  const open = (bytes: Buffer, most = Number.POSITIVE_INFINITY): Tail => ({
    ...{ name, bytes, expected: {}, answers: [0, most] },
  });
  switch (name) {
    case 'none':
      return noTail;
    case 'odd': {
      const odd = oddRequest(oracle, prng);
      return odd.whole ? once(odd) : open(odd.bytes);
    }
    case 'changed':
      return once(changedRequest(oracle, verifies, prng));
    case 'two hosts':
      return once(twoHosts(oracle, prng));
    case 'unknown coding':
      return once(unknownCoding(oracle, prng));
    case 'broken body':
      return once(brokenBody(oracle, prng));
    case 'damaged':
      return open(mutate(Buffer.concat([another().bytes, another().bytes]), prng));
    case 'cut':
      return open(another().bytes.subarray(0, -1 - prng.below(20)), 1);
    case 'noise':
      return open(prng.bytes(prng.between(1, 200)), 1);
  }
}

function makeDelivery(size: number, prng: Prng): Delivery {
  const end = endOf(prng);
  const leaves = end === 'leave' || end === 'reset';
  const last = leaves && prng.chance(0.7) ? prng.between(1, size) : size;
  const cuts: number[] = [];
  if (prng.chance(0.3)) cuts.push(prng.between(1, last));
  else {
    const [low, high] = last < maxSlowSize && prng.chance(0.15) ? [1, 16] : [64, 100_000];
    for (let at = 0; at < last; cuts.push(at)) at = Math.min(last, at + prng.between(low, high));
  }
  if (leaves && cuts.at(-1) !== last) cuts.push(last);
  return { cuts, end, slow: !leaves && prng.chance(0.1) };
}

/** All that a connection sends, unless it leaves before. */
export function bytesOf({ requests, tail }: Pick<Plan, 'requests' | 'tail'>): Buffer {
  return Buffer.concat([...requests.map(({ bytes }) => bytes), tail.bytes]);
}

/** The same in pieces, as they are written. */
export function piecesOf(plan: Plan): Buffer[] {
  const { cuts, end } = plan.delivery;
  const bytes = bytesOf(plan);
  const ends = [...cuts.filter((at) => at < bytes.length)];
  if ((end === 'half' || end === 'answered') && ends.at(-1) !== bytes.length)
    ends.push(bytes.length);
  return ends.map((to, i) => bytes.subarray(ends[i - 1] ?? 0, to));
}

/**
 * Plans that are smaller than one that has found a fault: in one piece, read at once, with fewer
 * requests, without its tail.
 */
export function smallerThan(plan: Plan): Plan[] {
  const { requests, tail, delivery } = plan;
  const { cuts, end, slow } = delivery;
  const plans: Plan[] = [];
  if (end === 'half' || end === 'answered') {
    if (cuts.length > 0) plans.push({ ...plan, delivery: { ...delivery, cuts: [] } });
    if (end === 'half') plans.push({ ...plan, delivery: { ...delivery, end: 'answered' } });
    if (slow) plans.push({ ...plan, delivery: { ...delivery, slow: false } });
  }
  const less = (kept: readonly KnownRequest[], kind = tail) => {
    if (kept.length > 0 || kind.name !== 'none')
      plans.push({ requests: kept, tail: kind, delivery: { ...delivery, cuts: [] } });
  };
  if (tail.name !== 'none' && requests.length > 0) {
    less([]);
    less(requests, noTail);
  }
  const half = requests.length >> 1;
  if (half > 0) {
    less(requests.slice(half));
    less(requests.slice(0, half));
  }
  if (requests.length > 1)
    for (const [at] of requests.entries()) less(requests.filter((_, i) => i !== at));
  return plans;
}

/** How a plan is carried out, in words. */
export function describe({ requests, tail, delivery }: Plan): string {
  const { cuts, end, slow } = delivery;
  const after = { half: 'half-closed behind them', answered: 'ended when answered' };
  return [
    `${requests.length} requests and the tail "${tail.name}"`,
    cuts.length > 1
      ? `in ${cuts.length} pieces`
      : cuts.length === 1
        ? `cut at ${cuts[0]}`
        : 'at once',
    after[end as keyof typeof after] ?? `${end} without reading`,
    slow ? 'read slowly' : 'read at once',
  ].join(', ');
}
