/** What the daemon counts: plain numbers, because a request takes less than a microsecond. */

import type { ErrorCode } from './common/errors.js';
import { Durations } from './common/histogram.js';
import type { ServingTimes } from './rpc/protocol.js';

/** Upper bounds of the serving time's buckets, seconds; one sample a read of a socket. */
const servingBounds = [
  0.000_005, 0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01,
] as const;

/** All counted since the process started; `connectionsOpen` alone goes down. */
export class Counters {
  connectionsOpen = 0;
  /** Accepted. */
  connections = 0;
  /** Beyond the limits: told so, and closed. */
  connectionsRefused = 0;
  requests = 0;
  randomBytes = 0;
  readonly errors = new Map<ErrorCode, number>();
  readonly #serving = new Durations(servingBounds);

  /** One refused request. */
  error(code: ErrorCode): void {
    this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
  }

  /** One read of a socket, from its arrival to the last write that it caused at once. */
  served(seconds: number): void {
    this.#serving.add(seconds);
  }

  /** A copy. */
  serving(): ServingTimes {
    return this.#serving.counts();
  }
}
