export interface Plan {
  bytes: Buffer;
  cuts: number[];
  inTurns: boolean;
  readsLate: boolean;
  ending: 'end' | 'stay' | 'leave';
}
export function plan(seed: number): Plan;
