/** What happened each second between two statuses of one daemon. */

import { type Bound, quantile } from '../common/histogram.js';
import type { DaemonStatus, ServingTimes } from '../rpc/protocol.js';

/** A status and when it came. */
export interface Sample {
  /** Milliseconds of a clock that never goes back. */
  at: number;
  status: Partial<DaemonStatus>;
}

export interface Rates {
  requestsPerSecond: number;
  bytesPerSecond: number;
  readsPerSecond: number;
  /** Of the reads in between; undefined where there were none. */
  p50: Bound | undefined;
  p99: Bound | undefined;
}

/** @returns undefined where they are not of one process, one after the other */
export function ratesBetween(before: Sample | undefined, after: Sample): Rates | undefined {
  if (before === undefined || before.status.pid !== after.status.pid) return undefined;
  const seconds = (after.at - before.at) / 1000;
  const [old, now] = [before.status, after.status];
  const times = difference(old.serving, now.serving);
  const each = [
    increase(old.requests, now.requests),
    increase(old.randomBytes, now.randomBytes),
    increase(old.serving?.count, now.serving?.count),
  ].map((value) => value / seconds);
  if (!(seconds > 0) || !each.every((value) => value >= 0)) return undefined;
  const [requestsPerSecond, bytesPerSecond, readsPerSecond] = each as [number, number, number];
  return {
    requestsPerSecond,
    bytesPerSecond,
    readsPerSecond,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
  };
}

/** NaN where one is no number. */
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
