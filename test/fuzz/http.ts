/** Fuzzes the gateway's HTTP: many connections at once, each with its own seed. */
import { once } from 'node:events';
import { connect, type NetConnectOpts } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { clients as listed } from '../apis/clients.js';
import type { ApiClient } from '../support/api-client.js';
import { programMs } from '../support/until.js';
import { type Answer, readAnswers } from './http-answers.js';
import { createOracle, type Oracle, type Responder } from './http-oracle.js';
import { bytesOf, describe, type Plan, piecesOf, planOf, smallerThan } from './http-plan.js';

/** Connections at a time. */
const lanes = 8;

/** Turns of the event loop that a slow reader waits for before each piece. */
const slowTurns = 20;

/** Bytes of a connection that a failure shows, from its end. */
const shownSize = 4000;

/** Connections that are tried to make a failing one smaller, and how long one may be silent. */
const maxShrinks = 60;
const shrinkMs = 5000;

/** docs/gateway.md: a client whose sending takes longer may be told so; half of that, to be sure. */
const slowSendingMs = 5000;
const requestTimeout = 408;

/** The same few characters again and again, which nobody needs to see. */
const longRun = /(.{1,8}?)\1{31,}/gs;
const shortened = (run: string, unit: string) => `${unit}<${run.length / unit.length} times>`;

/** A gateway to be fuzzed. */
export interface Target {
  readonly to: NetConnectOpts;
  /** Whether it verifies credentials: those of test/support/credentials.ts. */
  readonly verifies: boolean;
}

export interface HttpFuzzOptions {
  /** Seeds take turns: `seed` modulo their number decides. */
  targets: readonly Target[];
  /** Requests whose answers are known, at least; or until this is false. */
  requests: number | (() => boolean);
  seed: number;
  /** Of the APIs that the gateways have; default: all in the list. */
  clients?: readonly ApiClient[];
  /** Called with the report so far after each connection. */
  onSession?: ((report: HttpFuzzReport) => void) | undefined;
}

export interface HttpFuzzReport {
  requests: number;
  sessions: number;
  /** Requests whose answers are known, by who must answer. */
  responders: Record<Responder, number>;
  /** Connections, by their tail and by their end. */
  tails: Record<string, number>;
  ends: Record<string, number>;
  /** Answers, by status. */
  statuses: Record<string, number>;
}

const count = (counts: Record<string, number>, name: string | number) => {
  counts[name] = (counts[name] ?? 0) + 1;
};

/**
 * Runs connections with the seeds `seed`, `seed + 1` and so on until there were enough requests.
 * @throws Error of the first connection that failed: its seed, how to repeat it, and the smallest
 *   conversation found that fails
 */
export async function fuzzHttp(options: HttpFuzzOptions): Promise<HttpFuzzReport> {
  const { targets, requests: wanted, seed, clients = listed, onSession = () => {} } = options;
  const report: HttpFuzzReport = {
    ...{ requests: 0, sessions: 0, responders: {}, tails: {}, ends: {}, statuses: {} },
  };
  const goesOn = typeof wanted === 'function' ? wanted : () => report.requests < wanted;
  const oracle = createOracle(clients);
  let next = seed;
  let failed = false;
  const lane = async () => {
    while (!failed && goesOn()) {
      const own = next++;
      const { to, verifies } = targets[own % targets.length] as Target;
      const plan = planOf(own, oracle, verifies);
      const { tail, delivery, requests } = plan;
      const answers = await converse(plan, to, oracle).catch(async (error) => {
        if (failed) return undefined; // the first fault is told; it may be what made this one
        failed = true;
        throw await explained(error, plan, own, to, oracle);
      });
      report.sessions++;
      count(report.tails, tail.name);
      count(report.ends, delivery.end);
      if (answers === undefined) continue;
      report.requests += requests.length;
      for (const { expected } of requests)
        for (const name of expected.responders ?? []) count(report.responders, name);
      for (const { status } of answers) count(report.statuses, status);
      onSession(report);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return report;
}

/** A fault that the oracle found, and the conversation in which it did. */
class Fault extends Error {
  readonly received: Buffer;
  constructor(message: string, received: Buffer, options?: ErrorOptions) {
    super(message, options);
    this.received = received;
  }
}

/** Makes the conversation smaller as long as it still fails, and tells all that is known. */
async function explained(
  first: unknown,
  failing: Plan,
  seed: number,
  to: NetConnectOpts,
  oracle: Oracle,
): Promise<Error> {
  if (!(first instanceof Fault)) return first as Error;
  let plan = failing;
  let fault = first;
  let left = maxShrinks;
  const tryOne = async (smaller: Plan) => {
    left--;
    const again: unknown = await converse(smaller, to, oracle, shrinkMs).catch((error) => error);
    if (!(again instanceof Fault)) return false;
    [plan, fault] = [smaller, again];
    return true;
  };
  for (let isSmaller = true; isSmaller && left > 0; ) {
    isSmaller = false;
    for (const smaller of smallerThan(plan)) {
      if (left <= 0) break;
      isSmaller = await tryOne(smaller);
      if (isSmaller) break;
    }
  }
  const shown = (bytes: Buffer) =>
    JSON.stringify(bytes.toString('latin1').replace(longRun, shortened).slice(-shownSize));
  return new Error(
    `seed ${seed}: ${first.message}\n` +
      `repeat it: npm run fuzz:http -- 1 ${seed}\n` +
      `smallest that fails: ${fault.message}\n` +
      `  ${describe(plan)}\n` +
      `  sent ${shown(bytesOf(plan))}\n` +
      `  received ${shown(fault.received)}`,
  );
}

/** Errors of a connection that the other side has ended. */
const resets: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET']);

/**
 * Runs one connection from its beginning to its end.
 * @returns the answers; undefined if the client left without reading them
 * @throws Fault
 */
async function converse(
  plan: Plan,
  to: NetConnectOpts,
  oracle: Oracle,
  silenceMs = programMs,
): Promise<readonly Answer[] | undefined> {
  const { requests, tail, delivery } = plan;
  const due = requests.length + tail.answers[0];
  const socket = connect({ ...to, allowHalfOpen: true });
  const received: Buffer[] = [];
  let failure: NodeJS.ErrnoException | undefined;
  let wake = () => {};
  socket
    .setNoDelay(true)
    .setTimeout(silenceMs, () => socket.destroy(new Error(`nothing for ${silenceMs} ms`)))
    .on('data', (data) => {
      received.push(data);
      if (delivery.slow) void readSlowly();
      wake();
    })
    .on('end', () => socket.end())
    .on('error', (error) => {
      failure = error;
    });
  const readSlowly = async () => {
    socket.pause();
    for (let turns = slowTurns; turns > 0; turns--) await setImmediate();
    socket.resume();
  };
  const closed = once(socket, 'close').then(
    () => wake(),
    () => wake(),
  );
  const read = () => readAnswers(Buffer.concat(received), (i) => requests[i]?.bodiless);
  try {
    if (delivery.slow) socket.pause();
    const begun = performance.now();
    for (const piece of piecesOf(plan)) {
      if (!socket.writable) break;
      socket.write(piece);
      await setImmediate();
    }
    const sendingMs = performance.now() - begun;
    if (delivery.end === 'leave' || delivery.end === 'reset') {
      // With answers unread, the kernel resets the connection in either case.
      if (delivery.end === 'reset' && 'port' in to) socket.resetAndDestroy();
      else socket.destroy();
      return undefined;
    }
    if (delivery.end === 'half') socket.end();
    if (delivery.slow) void readSlowly();
    while (!socket.closed && read().answers.length < due)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    socket.end();
    await closed;
    const { answers, left } = read();
    // On a busy host it may have taken so long that the gateway gave up.
    if (sendingMs > slowSendingMs && answers.at(-1)?.status === requestTimeout) return answers;
    // The gateway may end the connection while the tail is being sent. The write that fails then
    // destroys the socket, whatever has arrived and is not read yet.
    const cutOff = tail.name !== 'none' && resets.has(failure?.code);
    const fault =
      judge(plan, answers, oracle, cutOff) ??
      (left > 0 && !cutOff ? `${left} bytes after the answers` : undefined) ??
      (failure !== undefined && !cutOff ? 'the connection broke' : undefined);
    if (fault !== undefined) throw new Error(fault);
    return answers;
  } catch (error) {
    const { message } = error as Error;
    const why = failure === undefined ? '' : `, ${failure.message}`;
    throw new Fault(`${message} (tail: ${tail.name}${why})`, Buffer.concat(received), {
      cause: failure ?? error,
    });
  } finally {
    socket.destroy();
  }
}

/**
 * @param cutOff the last answers may be missing
 * @returns what is wrong with the answers to a connection's requests; undefined if nothing is
 */
function judge(
  { requests, tail }: Plan,
  answers: readonly Answer[],
  oracle: Oracle,
  cutOff: boolean,
): string | undefined {
  for (const [i, answer] of answers.entries()) {
    const expected = requests[i]?.expected ?? (i === requests.length ? tail.expected : {});
    const fault = oracle.faultOf(answer, expected);
    if (fault !== undefined) return `answer ${i + 1} of ${requests.length}: ${fault}`;
  }
  const { length } = answers;
  if (length < requests.length && !cutOff)
    return `${length} answers to ${requests.length} requests`;
  const [least, most] = tail.answers;
  if (length < requests.length + least && !cutOff) return 'the tail has no answer';
  return length > requests.length + most ? 'an answer to nothing' : undefined;
}
