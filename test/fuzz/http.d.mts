import type { NetConnectOpts } from 'node:net';

export interface HttpFuzzOptions {
  to: NetConnectOpts;
  requests: number;
  seed: number;
  verifies: boolean;
  onSession?: (report: HttpFuzzReport) => void;
}
export interface HttpFuzzReport {
  requests: number;
  sessions: number;
  tails: Record<string, number>;
  statuses: Record<string, number>;
}
export function fuzzHttp(options: HttpFuzzOptions): Promise<HttpFuzzReport>;
