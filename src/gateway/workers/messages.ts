/**
 * What primary and workers say to each other. A worker reads what clients send, so the primary believes
 * nothing of it that is not of the type and size given here.
 */
import type { Recorded } from '../../common/prometheus.js';
import type { GatewayLimits } from '../../config/config.js';
import type { AuditEntry } from '../audit.js';
import type { ConfiguredGateway, GatewayFiles } from '../checked-configuration.js';
import type { Transport } from '../request-head.js';
import { type TlsContext, tlsContext } from '../tls-files.js';
import { MalformedMessage } from './channel.js';

/** What a gateway's files hold, for workers: they open none of them. */
export interface Secrets {
  /** The text of the credentials file. */
  readonly credentials?: string | undefined;
  /** Certificate and key, each PEM in base64. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
}

/** What the primary alone knows, for the pages. */
export interface State {
  readonly addresses: readonly string[];
  /** undefined: there is no audit log. */
  readonly auditDropped: number | undefined;
  readonly running: number;
  readonly restarts: number;
}

/** The first thing that a worker is told. */
export interface Start {
  readonly settings: Omit<ConfiguredGateway, 'passed' | 'addon'>;
  /** The daemon's socket; undefined: the default one. */
  readonly socket: string | undefined;
  readonly secrets: Secrets;
  readonly limits: GatewayLimits;
  readonly share: GatewayLimits;
  readonly state: State;
}

/** Goes with a connection, in a message of its own. */
export interface Handed {
  readonly connection: readonly [id: number, transport: Transport, isFull: boolean];
}

/** @param files as they were checked */
export function secretsOf({ credentialsText, tls }: GatewayFiles): Secrets {
  const base64 = (pem: unknown) => Buffer.from(pem as string | Buffer).toString('base64');
  return {
    credentials: credentialsText,
    tls: tls && { cert: base64(tls.cert), key: base64(tls.key) },
  };
}

export function tlsOf({ tls }: Secrets): TlsContext | undefined {
  return tls && tlsContext(Buffer.from(tls.cert, 'base64'), Buffer.from(tls.key, 'base64'));
}

// What a worker says.

/** Characters: names in a credentials file have 64, operations of an upstream 80, errors of one 12. */
const maxText = 256;

const isText = (value: unknown) => typeof value === 'string' && value.length <= maxText;
const isTextOrNull = (value: unknown) => value === null || isText(value);
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isAmount = (value: unknown) => Number.isFinite(value);

const entryMembers: Readonly<Record<keyof AuditEntry, (value: unknown) => boolean>> = {
  requestId: isText,
  api: isText,
  key: isTextOrNull,
  operation: isTextOrNull,
  size: (value) => value === null || isCount(value),
  outcome: isText,
  status: isCount,
  client: isText,
};

/** @throws MalformedMessage */
export function asEntry(value: unknown): AuditEntry {
  const entry = Object(value) as Record<string, unknown>;
  const names = Object.keys(entryMembers) as (keyof AuditEntry)[];
  const isEntry =
    names.length === Object.keys(entry).length &&
    names.every((name) => entryMembers[name](entry[name]));
  if (!isEntry) throw new MalformedMessage('not an entry of the audit log');
  return entry as unknown as AuditEntry;
}

/** @throws MalformedMessage */
export function asCount(value: unknown): number {
  if (!isCount(value)) throw new MalformedMessage('not a count');
  return value as number;
}

/** @throws MalformedMessage */
export function asName(value: unknown): string {
  if (!isText(value)) throw new MalformedMessage('not a name');
  return value as string;
}

/** More metrics, and series of each, than a worker has. */
const [maxMetrics, maxSeries] = [200, 2_000];

const metricName = /^entropyd_gateway_\w{1,100}$/;

/** @throws MalformedMessage */
export function asFigures(value: unknown): Recorded[] {
  if (!Array.isArray(value) || value.length > maxMetrics || !value.every(isRecorded))
    throw new MalformedMessage('not metrics');
  return value;
}

function isRecorded(metric: unknown): boolean {
  const { type, name, help, samples } = Object(metric) as Record<string, unknown>;
  return (
    (type === 'gauge' || type === 'counter' || type === 'histogram') &&
    typeof name === 'string' &&
    metricName.test(name) &&
    isText(help) &&
    Array.isArray(samples) &&
    samples.length <= maxSeries &&
    samples.every(
      (sample) =>
        Array.isArray(sample) &&
        sample.length === 2 &&
        Object.values(Object(sample[0])).every(isText) &&
        (type === 'histogram' ? areDurations(sample[1]) : isAmount(sample[1])),
    )
  );
}

function areDurations(value: unknown): boolean {
  const { bounds, buckets, seconds, count } = Object(value) as Record<string, unknown>;
  return (
    Array.isArray(bounds) &&
    Array.isArray(buckets) &&
    buckets.length === bounds.length + 1 &&
    buckets.length <= maxMetrics &&
    [...bounds, ...buckets, seconds, count].every(isAmount)
  );
}
