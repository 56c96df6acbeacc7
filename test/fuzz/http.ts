/** Fuzzes the gateway's HTTP: many connections at once, each with its own seed. */
import { once } from 'node:events';
import { connect, type NetConnectOpts } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { programMs } from '../support/until.js';
import { type Answer, readAnswers } from './http-answers.js';
import { oddRequest } from './http-odd-requests.js';
import { faultOf, type Responder, responders, sizeOf } from './http-oracle.js';
import { changedRequest, goodRequests, type KnownRequest, signedRequest } from './http-requests.js';
import { mutate } from './mutations.js';
import { Prng, weighted } from './prng.js';

/** Connections at a time. */
const lanes = 8;

/** Bytes of a connection that a failure shows, from its end. */
const shownSize = 2000;

/** Only streams below this size are sent in tiny pieces: the gateway cuts off slow refused uploads. */
const maxSlowSize = 20_000;

export interface HttpFuzzOptions {
  /** The gateway's address. */
  to: NetConnectOpts;
  /** Good requests to be answered, at least. */
  requests: number;
  seed: number;
  /** Whether the gateway verifies credentials. */
  verifies: boolean;
  /** Called with the report so far after each connection. */
  onSession?: ((report: HttpFuzzReport) => void) | undefined;
}

export interface HttpFuzzReport {
  requests: number;
  sessions: number;
  /** Good requests, by who answered. */
  responders: Partial<Record<Responder, number>>;
  /** Connections, by their tail. */
  tails: Record<string, number>;
  /** Answers, by status. */
  statuses: Record<string, number>;
}

/**
 * Runs connections with the seeds `seed`, `seed + 1` and so on until `requests` good requests were
 * answered.
 * @throws Error of the first connection that failed, with its seed
 */
export async function fuzzHttp(options: HttpFuzzOptions): Promise<HttpFuzzReport> {
  const { to, requests, seed, verifies, onSession = () => {} } = options;
  const report: HttpFuzzReport = {
    requests: 0,
    sessions: 0,
    responders: {},
    tails: {},
    statuses: {},
  };
  let next = seed;
  let failed = false;
  const lane = async () => {
    while (report.requests < requests && !failed) {
      const { good, tail, answers } = await converse(to, next++, verifies).catch((error) => {
        failed = true;
        throw error;
      });
      report.requests += good.length;
      report.sessions++;
      report.tails[tail] = (report.tails[tail] ?? 0) + 1;
      for (const { responder } of good)
        report.responders[responder] = (report.responders[responder] ?? 0) + 1;
      for (const { status } of answers)
        report.statuses[status] = (report.statuses[status] ?? 0) + 1;
      onSession(report);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return report;
}

/** Errors of a connection that the other side has ended. */
const resets: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET']);

/** What follows the good requests of a connection; `left`: the client left before the answers. */
type Tail = 'none' | 'odd' | 'changed' | 'damaged' | 'cut' | 'noise' | 'left';

const tailOf = weighted<Exclude<Tail, 'left'>>([
  [1, 'none'],
  [4, 'odd'],
  [2, 'changed'],
  [4, 'damaged'],
  [1, 'cut'],
  [1, 'noise'],
]);

interface Plan {
  readonly good: readonly KnownRequest[];
  readonly tail: Tail;
  /** Who must answer the tail; undefined if that is open. */
  readonly responder: Responder | undefined;
  /** How many answers must come, at least. */
  readonly due: number;
  readonly bytes: Buffer;
}

/** Plans what a connection sends: good requests, the first of them signed, and a tail of anything. */
function plan(prng: Prng): Plan {
  const good = [signedRequest(prng)];
  while (prng.chance(0.6)) good.push(prng.pick(goodRequests)(prng));
  const tail = tailOf(prng);
  const another = () => prng.pick(goodRequests)(prng).bytes;
  const open = (bytes: Buffer) => ({ bytes, whole: false, responder: undefined });
  const makers = {
    none: () => open(Buffer.alloc(0)),
    odd: () => oddRequest(prng),
    changed: () => ({ ...changedRequest(prng), whole: true }),
    damaged: () => open(mutate(Buffer.concat([another(), another()]), prng)),
    cut: () => open(another().subarray(0, -1 - prng.below(20))),
    noise: () => open(prng.bytes(prng.between(1, 200))),
  };
  const { bytes, whole, responder } = makers[tail]();
  return {
    good,
    tail,
    responder,
    due: good.length + (whole ? 1 : 0),
    bytes: Buffer.concat([...good.map((each) => each.bytes), bytes]),
  };
}

interface Conversation extends Pick<Plan, 'good' | 'tail'> {
  readonly answers: readonly Answer[];
}

/** Runs one connection from its beginning to its end. */
async function converse(
  to: NetConnectOpts,
  seed: number,
  verifies: boolean,
): Promise<Conversation> {
  const prng = new Prng(seed);
  const planned = plan(prng);
  const { good, tail, due, bytes } = planned;
  const socket = connect(to);
  const received: Buffer[] = [];
  let failure: NodeJS.ErrnoException | undefined;
  let wake = () => {};
  socket
    .setTimeout(programMs, () => socket.destroy(new Error(`nothing for ${programMs} ms`)))
    .on('data', (data) => {
      received.push(data);
      wake();
    })
    .on('error', (error) => {
      failure = error;
    });
  const closed = once(socket, 'close').then(
    () => wake(),
    () => wake(),
  );
  const read = () => readAnswers(Buffer.concat(received), (i) => good[i]?.bodiless);
  try {
    const [low, high] = bytes.length < maxSlowSize && prng.chance(0.1) ? [1, 16] : [64, 100_000];
    for (let at = 0, piece = bytes; at < bytes.length && socket.writable; at += piece.length) {
      piece = bytes.subarray(at, at + prng.between(low, high));
      socket.write(piece);
      await setImmediate();
    }
    // A client that leaves with answers unread resets the connection.
    if (prng.chance(0.05)) return { good: [], tail: 'left', answers: [] };
    while (!socket.closed && read().answers.length < due)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    // Not earlier: node:http drops the answers due to a client that has ended its side.
    socket.end();
    await closed;
    const { answers, left } = read();
    // The gateway may end the connection while the tail is being sent. The write that fails then
    // destroys the socket, whatever has arrived and is not read yet.
    const cutOff = tail !== 'none' && resets.has(failure?.code);
    const fault =
      judge(planned, answers, verifies, cutOff) ??
      (left > 0 && !cutOff ? `${left} bytes after the answers` : undefined);
    if (fault !== undefined) throw new Error(fault, { cause: failure });
    return { good, tail, answers };
  } catch (error) {
    throw new Error(
      `seed ${seed}: ${(error as Error).message} (${tail}, ${failure?.message})\n` +
        `sent ${JSON.stringify(bytes.toString('latin1').slice(-shownSize))}\n` +
        `received ${JSON.stringify(Buffer.concat(received).toString('latin1').slice(-shownSize))}`,
      { cause: error },
    );
  } finally {
    socket.destroy();
  }
}

/**
 * @param cutOff the last answers may be missing
 * @returns what is wrong with the answers to a connection's requests; undefined if nothing is
 */
function judge(
  { good, tail, due, responder }: Plan,
  answers: readonly Answer[],
  verifies: boolean,
  cutOff: boolean,
): string | undefined {
  const respondersOf = (i: number): readonly Responder[] => {
    const request = good[i];
    if (request !== undefined) return [request.responder];
    return i > good.length || responder === undefined ? responders : [responder, 'malformed'];
  };
  for (const [i, { status, size, encoding }] of good.entries()) {
    const answer = answers[i];
    if (answer === undefined && cutOff) break;
    const got = answer && sizeOf(answer, encoding);
    if (answer?.status !== status || got !== size)
      return `request ${i}: ${answer?.status}, ${got} bytes, want ${status}, ${size} bytes`;
  }
  for (const [i, answer] of answers.entries()) {
    const fault = faultOf(answer, respondersOf(i));
    if (fault !== undefined) return `answer ${i}: ${fault}`;
  }
  const [first, ...others] = answers.slice(good.length);
  if (answers.length < due && !cutOff) return 'the tail has no answer';
  if (tail === 'none' && first !== undefined) return 'an answer to nothing';
  if (tail === 'changed' && verifies && (first?.status === 200 || others.length > 0))
    return 'a changed request is served';
  return undefined;
}
