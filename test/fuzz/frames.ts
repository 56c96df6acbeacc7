/** Fuzzes the daemon's socket: many connections at once, each with its own seed. */
import { runSession } from './session.js';
import { startWitness } from './witness.js';

/** Connections at a time; fewer below so many frames for each. */
const maxLanes = 8;
const framesPerLane = 1000;

export interface FrameFuzzOptions {
  /** The daemon's socket. */
  path: string;
  /** Messages to judge, at least; or until this is false. */
  frames: number | (() => boolean);
  seed: number;
  /** Longest wait for anything that the daemon owes; default 30 s. */
  waitMs?: number | undefined;
  /** Called with the report so far after each session. */
  onSession?: ((report: FrameFuzzReport) => void) | undefined;
}

export interface FrameFuzzReport {
  frames: number;
  answers: number;
  sessions: number;
  ends: { whole: number; partial: number; invalid: number };
  /** Errors among the answers, by code. */
  errors: Record<string, number>;
  /** Questions of the witness that were answered meanwhile. */
  questions: number;
}

/**
 * Runs sessions with the seeds `seed`, `seed + 1` and so on until `frames` messages were judged.
 * @throws Error of the first session that failed, with its seed: that seed alone repeats it
 */
export async function fuzzFrames(options: FrameFuzzOptions): Promise<FrameFuzzReport> {
  const { path, frames, seed, waitMs, onSession = () => {} } = options;
  const report: FrameFuzzReport = {
    frames: 0,
    answers: 0,
    sessions: 0,
    ends: { whole: 0, partial: 0, invalid: 0 },
    errors: {},
    questions: 0,
  };
  const goesOn = typeof frames === 'function' ? frames : () => report.frames < frames;
  let next = seed;
  let failed = false;
  const witness = startWitness(path);
  const lane = async () => {
    while (goesOn() && !failed && !witness.failed) {
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
  const lanes =
    typeof frames === 'function' ? maxLanes : Math.min(maxLanes, Math.ceil(frames / framesPerLane));
  const ended = await Promise.allSettled(Array.from({ length: lanes }, lane));
  const rejected = ended.find((each) => each.status === 'rejected');
  report.questions = await witness.stop().catch((error) => {
    throw rejected?.reason ?? new Error(`the witness: ${error.message}`, { cause: error });
  });
  if (rejected !== undefined) throw rejected.reason;
  return report;
}
