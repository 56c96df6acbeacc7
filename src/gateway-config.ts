/** The gateway's part of the configuration: flags over the file's `[gateway]` over defaults. */

import { EntropyError } from './common/errors.js';
import type { FileConfig } from './config-file.js';

/** Where the gateway listens unless it is told otherwise. */
export const defaultGatewayAddress = '127.0.0.1:8478';

/** Two files in PEM. */
export interface TlsPaths {
  /** The certificate and the chain that leads to its root. */
  certificate: string;
  key: string;
}

export interface GatewayConfig {
  /** At least one of `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH`. */
  listen: string[];
  /** Who may ask; undefined: any well-formed signature will do. */
  credentials: string | undefined;
  requireSignatures: boolean;
  /** Scopes of signatures for AWS; none: any. */
  regions: string[];
  /** Which cloud's lengths gen-random takes. */
  dialect: 'otc' | 'hwc';
  /** Adds to nested gen-random errors what Huawei's SDK for Node.js reads. */
  nodeSdkErrors: boolean;
  /** Names under which the pages answer, besides localhost and loopback addresses. */
  pageHosts: string[];
  tls: TlsPaths | undefined;
  /** A line for each request; `-`: standard output. */
  audit: string | undefined;
  /** URL of the endpoint that answers what KMS does besides GenerateRandom. */
  upstream: string | undefined;
  /** Whether to sign what goes there; undefined: where it is the real service. */
  upstreamResign: boolean | undefined;
}

/** What the command line may override. */
export interface GatewayFlags {
  listen?: string[];
  /** The service manager passed sockets: none has to be named. */
  activated?: boolean;
  credentials?: string;
  requireSignatures?: boolean;
  region?: string[];
  dialect?: 'otc' | 'hwc';
  nodeSdkErrors?: boolean;
  pageHost?: string[];
  tlsCert?: string;
  tlsKey?: string;
  audit?: string;
  upstream?: string;
  upstreamResign?: boolean;
}

/** @throws EntropyError `ERR_CONFIG` where only one of the two is named */
function tlsPaths(certificate: string | undefined, key: string | undefined): TlsPaths | undefined {
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  if (certificate === undefined && key === undefined) return undefined;
  throw new EntropyError(
    'ERR_CONFIG',
    'TLS wants a certificate and its key: --tls-cert FILE --tls-key FILE, or tls_cert and tls_key',
  );
}

/**
 * Merges a file and the flags.
 * @param file as checked
 * @throws EntropyError `ERR_CONFIG`
 */
export function mergeGatewayConfig(
  file: FileConfig['gateway'] = {},
  flags: GatewayFlags = {},
): GatewayConfig {
  return {
    listen: flags.listen ?? file.listen ?? (flags.activated ? [] : [defaultGatewayAddress]),
    credentials: flags.credentials ?? file.credentials,
    requireSignatures: flags.requireSignatures ?? file.require_signatures ?? false,
    regions: flags.region ?? file.regions ?? [],
    dialect: flags.dialect ?? file.dialect ?? 'otc',
    nodeSdkErrors: flags.nodeSdkErrors ?? file.node_sdk_errors ?? false,
    pageHosts: flags.pageHost ?? file.page_hosts ?? [],
    tls: tlsPaths(flags.tlsCert ?? file.tls_cert, flags.tlsKey ?? file.tls_key),
    audit: flags.audit ?? file.audit,
    upstream: flags.upstream ?? file.upstream,
    upstreamResign: flags.upstreamResign ?? file.upstream_resign,
  };
}
