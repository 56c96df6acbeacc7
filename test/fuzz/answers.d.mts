import type { Expected } from './oracle.mjs';

export class Splitter {
  constructor(onValue: (value: unknown, bytes: Buffer) => void);
  readonly left: number;
  push(chunk: Buffer): void;
}
export function fault(expected: Expected | undefined, answer: unknown): string | undefined;
