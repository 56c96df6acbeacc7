/**
 * Reads a status that another program reported. The peer may be another version of the daemon, or not
 * entropyd at all: any member may be missing or of any type.
 */
import type { SourceReport } from '../common/package.js';
import type { DaemonStatus } from '../rpc/protocol.js';

/** What `Client.status` resolves with, as far as it can be relied on. */
export type ReportedStatus = Partial<DaemonStatus>;

/** The quantile that stands for slow reads. */
export const tailShare = 0.99;

/** Whether a value is a finite number, 0 or more. */
export function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** The objects in an array; none if `value` is not an array. */
export function objectsIn(value: unknown): object[] {
  const all: unknown[] = Array.isArray(value) ? value : [];
  return all.filter((each) => typeof each === 'object' && each !== null) as object[];
}

/** Names and values of an object; none if `value` is not an object. */
export function entriesOf(value: unknown): [name: string, value: unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

/** All noise sources of a status, including those that the host does not have. */
export function sourcesOf({ sources }: Pick<ReportedStatus, 'sources'>): Partial<SourceReport>[] {
  return objectsIn(sources);
}

/** The noise sources that the host has. */
export function presentSources(status: Pick<ReportedStatus, 'sources'>): Partial<SourceReport>[] {
  return sourcesOf(status).filter(({ state }) => state !== 'absent');
}
