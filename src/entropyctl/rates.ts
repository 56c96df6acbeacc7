/** Rates between two statuses of one daemon, and quantiles of the reads in between. */
import { type Bound, quantile } from '../common/histogram.js';
import type { ServingTimes } from '../rpc/protocol.js';
import { type ReportedStatus, tailShare } from './reported-status.js';

/** A status and when it arrived. */
export interface Reading {
  /** Milliseconds of a monotonic clock. */
  at: number;
  status: ReportedStatus;
}

export interface Rates {
  requestsPerSecond: number;
  bytesPerSecond: number;
  /** Reads of sockets; one read carries one request or many. */
  readsPerSecond: number;
  /** Serving time of the reads in between; undefined if there were none. */
  p50: Bound | undefined;
  p99: Bound | undefined;
}

/**
 * The rates between two readings.
 * @returns undefined if there is no earlier reading, the readings are of two processes, or no time passed
 */
export function ratesBetween(before: Reading | undefined, after: Reading): Rates | undefined {
  if (before === undefined || before.status.pid !== after.status.pid) return undefined;
  const seconds = (after.at - before.at) / 1000;
  const [old, now] = [before.status, after.status];
  const times = difference(old.serving, now.serving);
  const each = [
    increase(old.requests, now.requests),
    increase(old.randomBytes, now.randomBytes),
    increase(old.serving?.count, now.serving?.count),
  ].map((value) => value / seconds);
  // A counter that fell belongs to a new process that got the same id.
  if (!(seconds > 0) || !each.every((value) => value >= 0)) return undefined;
  const [requestsPerSecond, bytesPerSecond, readsPerSecond] = each as [number, number, number];
  return {
    requestsPerSecond,
    bytesPerSecond,
    readsPerSecond,
    p50: quantile(times, 0.5),
    p99: quantile(times, tailShare),
  };
}

/** NaN if either value is not a number. */
function increase(before: unknown, after: unknown): number {
  return typeof before === 'number' && typeof after === 'number' ? after - before : Number.NaN;
}

function difference(
  before: ServingTimes | undefined,
  after: ServingTimes | undefined,
): Partial<ServingTimes> | undefined {
  if (!Array.isArray(before?.buckets) || !Array.isArray(after?.buckets)) return undefined;
  const buckets = after.buckets.map((samples, index) => samples - (before.buckets[index] ?? 0));
  return { bounds: after.bounds, buckets };
}
