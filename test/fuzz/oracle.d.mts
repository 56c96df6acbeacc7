export interface Expected {
  id: number;
  size: number;
  method: string;
  codes: readonly string[];
}
export interface Verdict {
  expected: Expected[];
  due: number[];
  frames: number;
  size: number;
  end: 'whole' | 'partial' | 'invalid';
}
export function judge(bytes: Buffer): Verdict;
