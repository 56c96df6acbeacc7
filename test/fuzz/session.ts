/** Runs one connection as its seed plans it, and checks every answer against the oracle. */
import { setImmediate } from 'node:timers/promises';
import { Conversation } from './conversation.js';
import { cutShortAnswer, judge, type Verdict } from './oracle.js';
import { type Plan, plan } from './plan.js';

/**
 * Bytes around the place that makes a stream invalid. They leave in one write, which the kernel takes
 * whole or not at all: a write still in progress when the daemon closes would fail and cost the
 * answers before it.
 */
const lastPieceSize = 4096;

/** Bytes and cuts of a stream that a failure shows. */
const shownSize = 8192;
const shownCuts = 50;

export interface Session {
  /** Messages that were judged. */
  frames: number;
  answers: number;
  /** The codes of the errors among the answers, in order. */
  codes: string[];
  end: Verdict['end'];
}

/**
 * Talks to the daemon at `path` as `seed` plans. A seed repeats the bytes, but not the kernel's
 * timing.
 * @param waitMs longest wait for anything that the daemon owes; default 30 s
 * @throws Error with the seed, the fault and the bytes
 */
export async function runSession(
  path: string,
  seed: number,
  waitMs: number | undefined,
): Promise<Session> {
  const planned = plan(seed);
  const verdict = judge(planned.bytes);
  const { expected, frames, end } = verdict;
  if (end === 'partial' && planned.ending === 'end') expected.push(cutShortAnswer);
  try {
    const { answers, codes } = await talk(path, planned, verdict, waitMs);
    return { frames, answers, codes, end };
  } catch (error) {
    const { bytes, cuts, ...rest } = planned;
    const sent = bytes.subarray(0, verdict.size);
    throw new Error(
      [
        `seed ${seed}: ${(error as Error).message}`,
        `  ${JSON.stringify({ ...rest, end, cuts: cuts.slice(0, shownCuts) })}`,
        `  the ${sent.length} bytes that count: ${sent.toString('hex', 0, shownSize)}`,
      ].join('\n'),
      { cause: error },
    );
  }
}

async function talk(
  path: string,
  { bytes, cuts, inTurns, readsLate, ending }: Plan,
  { expected, due, size, end }: Verdict,
  waitMs: number | undefined,
): Promise<Conversation> {
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
      // Without a turn of the event loop in between, all pieces could arrive as one.
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

/** The range [from, to) of each write. Bytes far beyond an invalid message are not sent. */
function pieces(cuts: readonly number[], length: number, size: number, invalid: boolean) {
  const total = invalid ? Math.min(length, size + lastPieceSize) : size;
  const inner = cuts.filter((cut) => cut > 0 && cut < size);
  if (invalid && size - (inner.at(-1) ?? 0) > lastPieceSize) inner.push(size - lastPieceSize);
  const ends = [...inner, total];
  return ends.map((to, i): [from: number, to: number] => [ends[i - 1] ?? 0, to]);
}
