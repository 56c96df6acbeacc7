/** The result of each method of the socket protocol; docs/protocol.md has them, too. */
import type { DurationCounts } from '../common/histogram.js';
import type { SourceReport } from '../common/package.js';
import type { Limits, Protocol } from '../config/config.js';
import type { GeneratorState, GeneratorStatus, Health } from '../generator/interface.js';

/** Durations of socket reads, in buckets; one sample per read. */
export type ServingTimes = DurationCounts;

/** A change of the generator's state or of its reason. */
export interface Transition {
  /** ISO 8601, UTC. */
  time: string;
  state: GeneratorState;
  /** Empty if there is nothing to say. */
  reason: string;
}

/** A socket that the daemon listens on. */
export interface ListeningSocket {
  path: string;
  protocol: Protocol;
}

/** Result of `status`: everything that `health` reports, and the daemon's own figures. */
export interface DaemonStatus extends GeneratorStatus {
  version: string;
  uptimeSeconds: number;
  pid: number;
  node: string;
  openssl: string;
  /** Open now. */
  connections: number;
  /** Accepted since the start, as are the counters below. */
  connectionsTotal: number;
  requests: number;
  randomBytes: number;
  /** Refused requests, by code. */
  errors: Record<string, number>;
  serving: ServingTimes;
  /** The last sixteen, oldest first. */
  transitions: Transition[];
  /** Where the daemon listens. */
  sockets: ListeningSocket[];
  /** Limits in force. */
  limits: Limits;
}

/** A source's part in an interval of the history. */
export interface HistorySource {
  name: string;
  /** At the end of the interval. */
  state: SourceReport['state'];
  bytes: number;
  alarms: number;
  /** Seen every ten seconds. */
  waitingSeconds: number;
}

/** An interval of the history; counts are those of the interval. */
export interface HistoryRecord {
  /** Its end, ISO 8601, UTC. */
  time: string;
  /** Its length: 300, or less if the daemon ended. */
  seconds: number;
  /** At its end. */
  state: GeneratorState;
  requests: number;
  randomBytes: number;
  refused: number;
  reseeds: number;
  sources: HistorySource[];
}

/** Result of `history`, as JSON: a day at most, oldest first. While the daemon did not run, there are no records. */
export interface HistoryResult {
  intervalSeconds: number;
  /** Whether a restart of the daemon keeps it. */
  stored: boolean;
  records: HistoryRecord[];
  transitions: Transition[];
}

/** Result of `version`. */
export interface VersionResult {
  name: string;
  version: string;
  /** The daemon’s `protocolVersion`. */
  protocol: number;
}

/** Result of `selftest`. */
export interface SelfTestResult extends Pick<Health, 'state' | 'reason' | 'sources'> {
  /** Nothing failed. A source that yields too little in two seconds has not failed. */
  passed: boolean;
}

/** Result of `reseed`. */
export type ReseedResult = Pick<DaemonStatus, 'state' | 'reason' | 'reseeds'>;

/** The result of each method but `random`. */
export interface Results {
  health: Health;
  status: DaemonStatus;
  version: VersionResult;
  /** A {@link HistoryResult} as JSON: one element of MessagePack, of which clients limit the number. */
  history: string;
  /** Prometheus text format. */
  metrics: string;
  selftest: SelfTestResult;
  reseed: ReseedResult;
  /** Raw samples. */
  noise: Uint8Array;
}
