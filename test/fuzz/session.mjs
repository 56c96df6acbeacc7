/** The life of one connection as a seed plans it, judged by the oracle. */
import { setImmediate } from 'node:timers/promises';
import { Conversation } from './conversation.mjs';
import { cutShortAnswer, judge } from './oracle.mjs';
import { plan } from './plan.mjs';

/**
 * Bytes around the place that makes a stream invalid. They leave with one write, which the kernel
 * takes whole or not at all: no write is under way when the daemon closes, for a failed one would
 * cost what it answered before.
 */
const lastPieceSize = 4096;

/** Bytes of a stream that a failure shows. */
const shownSize = 8192;

/**
 * Speaks with the daemon at `path` as `seed` says. The bytes repeat with it, the kernel's timing does
 * not.
 * @param waitMs longest wait for whatever the daemon owes; undefined: half a minute
 * @returns `frames`, `answers`: numbers; `codes` of errors, in order; `end`, as the oracle says it
 * @throws Error that tells the seed, the fault and the bytes
 */
export async function runSession(path, seed, waitMs) {
  const planned = plan(seed);
  const verdict = judge(planned.bytes);
  const { expected, frames, end } = verdict;
  if (end === 'partial' && planned.ending === 'end') expected.push(cutShortAnswer);
  try {
    const { answers, codes } = await live(path, planned, verdict, waitMs);
    return { frames, answers, codes, end };
  } catch (error) {
    const { bytes, cuts, ...rest } = planned;
    const sent = bytes.subarray(0, verdict.size);
    throw new Error(
      [
        `seed ${seed}: ${error.message}`,
        `  ${JSON.stringify({ ...rest, end, cuts: cuts.slice(0, 50) })}`,
        `  the ${sent.length} bytes that count: ${sent.toString('hex', 0, shownSize)}`,
      ].join('\n'),
      { cause: error },
    );
  }
}

async function live(path, planned, { expected, due, size, end }, waitMs) {
  const { bytes, cuts, inTurns, readsLate, ending } = planned;
  const invalid = end === 'invalid';
  const conversation = await Conversation.open(path, expected, { mayReset: invalid, waitMs });
  try {
    if (readsLate) conversation.pause();
    for (const [from, to] of pieces(cuts, bytes.length, size, invalid)) {
      if (to >= size) {
        conversation.resume();
        await conversation.written();
      }
      conversation.write(bytes.subarray(from, to));
      // Without a turn in between, all pieces could arrive as one.
      await setImmediate();
      if (inTurns && !readsLate) await conversation.answered(due.findLastIndex((d) => d <= to) + 1);
    }
    if (ending === 'leave') {
      await conversation.answered(expected.length >> 1);
      return conversation;
    }
    if (ending === 'end') conversation.end();
    await conversation.answered(expected.length);
    if (ending === 'end' || invalid) await conversation.ended();
    return conversation;
  } finally {
    conversation.close();
  }
}

/** [from, to) of each write. What lies far behind an invalid message is not sent. */
function pieces(cuts, length, size, invalid) {
  const total = invalid ? Math.min(length, size + lastPieceSize) : size;
  const inner = cuts.filter((cut) => cut > 0 && cut < size);
  if (invalid && size - (inner.at(-1) ?? 0) > lastPieceSize) inner.push(size - lastPieceSize);
  const ends = [...inner, total];
  return ends.map((to, i) => [i === 0 ? 0 : ends[i - 1], to]);
}
