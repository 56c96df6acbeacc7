export interface FuzzOptions {
  path: string;
  frames: number;
  seed: number;
  waitMs?: number;
  onSession?: (report: FuzzReport) => void;
}
export interface FuzzReport {
  frames: number;
  answers: number;
  sessions: number;
  ends: { whole: number; partial: number; invalid: number };
  errors: Record<string, number>;
  questions: number;
}
export function fuzzFrames(options: FuzzOptions): Promise<FuzzReport>;
