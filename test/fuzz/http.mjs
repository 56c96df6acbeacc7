/** The fuzz of the gateway's HTTP: many connections at once, each by a seed of its own. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { faultOf, readAnswers, sizeOf } from './http-answers.mjs';
import { conversation } from './http-requests.mjs';
import { Prng } from './prng.mjs';

/** Connections at a time. */
const lanes = 8;
/** Longest wait for whatever the gateway owes. */
const waitMs = 20_000;
/** Bytes of a connection that a failure shows. */
const shownSize = 2000;

/**
 * Has conversations with the seeds `seed`, `seed + 1` and so on.
 * @param options `to`, as node:net's connect takes it; `requests`, good ones to be answered; `seed`;
 *   `verifies`, whether the gateway does; `onSession`, called with the report so far
 * @returns what happened, in numbers
 * @throws Error of the first conversation that failed, with its seed
 */
export async function fuzzHttp({ to, requests, seed, verifies, onSession = () => {} }) {
  const report = { requests: 0, sessions: 0, tails: {}, statuses: {} };
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
      for (const { status } of answers)
        report.statuses[status] = (report.statuses[status] ?? 0) + 1;
      onSession(report);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return report;
}

/** One connection's life. */
async function converse(to, seed, verifies) {
  const prng = new Prng(seed);
  const planned = conversation(prng);
  const { good, tail, due, bytes } = planned;
  const socket = connect(to);
  const received = [];
  let failure;
  let wake = () => {};
  socket
    .setTimeout(waitMs, () => socket.destroy(new Error('nothing for too long')))
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
    // Not the large ones: who takes longer than a second to send what is refused may be cut off.
    const sizes = bytes.length < 20_000 && prng.chance(0.1) ? [1, 16] : [64, 100_000];
    for (let at = 0, piece = bytes; at < bytes.length && socket.writable; at += piece.length) {
      piece = bytes.subarray(at, at + prng.between(...sizes));
      socket.write(piece);
      await setImmediate();
    }
    // Who leaves with answers unread resets the connection.
    if (prng.chance(0.05)) return { good: [], tail: 'left', answers: [] };
    while (!socket.closed && read().answers.length < due)
      await new Promise((resolve) => {
        wake = resolve;
      });
    // Only now: node:http drops the answers that are due to a client which has ended its side.
    socket.end();
    await closed;
    const { answers, left } = read();
    const fault =
      judge(planned, answers, verifies) ?? (left > 0 ? `${left} bytes of no answer` : undefined);
    if (fault !== undefined) throw new Error(fault, { cause: failure });
    return { ...planned, answers };
  } catch (error) {
    throw new Error(
      `seed ${seed}: ${error.message} (${tail}, ${failure?.message})\n` +
        `sent ${JSON.stringify(bytes.toString('latin1').slice(-shownSize))}\n` +
        `received ${JSON.stringify(Buffer.concat(received).toString('latin1').slice(-shownSize))}`,
      { cause: error },
    );
  } finally {
    socket.destroy();
  }
}

/** What is wrong with the answers to a conversation; undefined: nothing. */
function judge({ good, tail, due }, answers, verifies) {
  for (const [i, { status, size }] of good.entries()) {
    const answer = answers[i];
    if (answer?.status !== status || sizeOf(answer) !== size)
      return `request ${i}: ${answer?.status}, ${answer && sizeOf(answer)} bytes, want ${status}, ${size} bytes`;
  }
  for (const [i, answer] of answers.entries()) {
    const fault = faultOf(answer);
    if (fault !== undefined) return `answer ${i}: ${fault}`;
  }
  const [first, ...others] = answers.slice(good.length);
  if (answers.length < due) return 'the tail has no answer';
  if (tail === 'none' && first !== undefined) return 'an answer to nothing';
  if (tail === 'changed' && verifies && (first.status === 200 || others.length > 0))
    return 'a changed request is served';
  return undefined;
}
