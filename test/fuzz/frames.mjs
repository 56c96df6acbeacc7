/** The fuzz of the frame path: many connections at once, each by a seed of its own. */
import { runSession } from './session.mjs';
import { startWitness } from './witness.mjs';

/** Connections at a time, and frames below which there are fewer. */
const maxLanes = 8;
const framesPerLane = 1000;

/**
 * Runs sessions with the seeds `seed`, `seed + 1` and so on until `frames` messages were judged.
 * @param options `path` of the daemon's socket, `frames`, `seed`; `waitMs`, longest wait for an answer;
 *   `onSession`, called with the report so far after each session
 * @returns what happened, in numbers
 * @throws Error of the first session that failed, with its seed: that one alone repeats it
 */
export async function fuzzFrames({ path, frames, seed, waitMs, onSession = () => {} }) {
  const report = {
    frames: 0,
    answers: 0,
    sessions: 0,
    ends: { whole: 0, partial: 0, invalid: 0 },
    errors: {},
    questions: 0,
  };
  let next = seed;
  let failed = false;
  const witness = await startWitness(path);
  const lane = async () => {
    while (report.frames < frames && !failed && !witness.failed) {
      const session = await runSession(path, next++, waitMs).catch((error) => {
        failed = true;
        throw error;
      });
      report.frames += session.frames;
      report.answers += session.answers;
      report.sessions++;
      report.ends[session.end]++;
      for (const code of session.codes) report.errors[code] = (report.errors[code] ?? 0) + 1;
      onSession(report);
    }
  };
  const lanes = Math.min(maxLanes, Math.ceil(frames / framesPerLane));
  const ended = await Promise.allSettled(Array.from({ length: lanes }, lane));
  const rejected = ended.find(({ status }) => status === 'rejected');
  report.questions = await witness.stop().catch((error) => {
    throw rejected?.reason ?? new Error(`the witness: ${error.message}`, { cause: error });
  });
  if (rejected !== undefined) throw rejected.reason;
  return report;
}
