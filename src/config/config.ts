/**
 * Every key of the configuration file with its default. A key stands here, in schema.ts with its
 * range, in entropyd/command-line.ts if an option sets it, and where it is used.
 */
import type { DeviceOptions, Profile } from '../common/package.js';
import { defaultTestedBitsPerByte, generatorDefaults } from '../generator/interface.js';

/** Where the gateway listens by default. */
export const defaultGatewayAddress = '127.0.0.1:8478';

/** Lengths that gen-random accepts: of Open Telekom Cloud, or of Huawei Cloud. */
export const dialects = ['otc', 'hwc'] as const;

/** What a socket of the daemon speaks; docs/protocol.md has all three. */
export const protocols = ['rpc', 'egd', 'raw'] as const;

export type Protocol = (typeof protocols)[number];

/** A key without a default. */
const unset = <T>(): T | undefined => undefined;

const mebibyte = 1024 * 1024;

/** What clients may use. */
export const defaultLimits = {
  /** One message, bytes. */
  messageBytes: 65_536,
  /** All connections; some more are reserved for administrators. */
  connections: 4_096,
  connectionsPerUser: 1_024,
  /** Random bytes; 0 means no limit. */
  bytesPerSecondPerUser: 0,
  /** Answers that the kernel has not taken yet, of all users. */
  unsentBytes: 64 * mebibyte,
  unsentBytesPerUser: 16 * mebibyte,
  /** Requests with prediction resistance that may wait for entropy. */
  predictionResistanceRequestsPerUser: 64,
  /** Time for a message to arrive completely. */
  messageSeconds: 10,
  /** Time for the kernel to take a piece of an answer. */
  stallSeconds: 60,
  /** How long the daemon polls for the next request after an answer before it sleeps. */
  spinUs: 0,
};

/** What the gateway's clients may use. */
export const defaultGatewayLimits = {
  /** Open connections of all listeners together. */
  connections: 1_024,
  /** Of one address, or of one /64 network of IPv6; 0 means no limit. Not of loopback and proxies. */
  connectionsPerAddress: 256,
  /** Addresses, or networks such as `10.0.0.0/8`, whose connections are those of many clients. */
  trustedProxies: [] as readonly string[],
  /** Requests under way, until their response has left. */
  requests: 1_024,
  requestsPerConnection: 16,
  /** Responses that have not left, bytes; one more response may come on top. */
  unsentBytes: 64 * mebibyte,
  unsentBytesPerConnection: 256 * 1024,
  /** Memory for bodies of requests, bytes: 128 of the largest, while a signed request has 1 KiB. */
  bodyBytes: 64 * mebibyte,
};

/** The tables of the file, under its names in camel case: `message_bytes` is `messageBytes`. */
export const defaults = {
  profile: generatorDefaults.profile,
  /** One table of [[listen]]. */
  listen: {
    /** Mode of the socket file. Anyone may connect, as anyone may read /dev/urandom. */
    mode: 0o666,
    protocol: 'rpc' as Protocol,
    /** Whether administrators may use their methods here; false for sockets that containers see. */
    admin: true,
  },
  access: {
    /** Its members are administrators, besides root and the daemon's own user. */
    adminGroup: unset<string>(),
  },
  limits: defaultLimits,
  generator: {
    /** DRBG generates between reseeds. */
    reseedRequests: generatorDefaults.reseedRequests,
    reseedSeconds: generatorDefaults.reseedSeconds,
  },
  /** One table of [[source]]. */
  source: {
    /** Min-entropy that the health tests assume, bits per byte: 0.001 to 8. */
    testedBitsPerByte: defaultTestedBitsPerByte,
    /** Min-entropy to credit to seeds, bits per byte: at most what is tested. */
    creditedBitsPerByte: 0,
  },
  gateway: {
    /** Names of the APIs to serve; if unset, all. */
    apis: unset<string[]>(),
    /** Addresses: `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH`. */
    listen: [defaultGatewayAddress],
    /** `open` lets a gateway without credentials start where `--no-open` would refuse it. */
    access: unset<'open'>(),
    /** Path of the credentials file. Without it any well-formed signature is accepted. */
    credentials: unset<string>(),
    /** Refuses to start without credentials. */
    requireSignatures: false,
    /** Regions that AWS signatures may be for; if empty, any. */
    regions: [] as string[],
    dialect: 'otc' as (typeof dialects)[number],
    /** Adds to nested gen-random errors what Huawei's SDK for Node.js reads. */
    nodeSdkErrors: false,
    /** Host names under which the pages answer, besides localhost and loopback addresses. */
    pageHosts: [] as string[],
    ...defaultGatewayLimits,
    /** Processes that answer requests; `auto`: as many as there are processors, 8 at most. */
    workers: 1 as number | 'auto',
    /** PEM file: the certificate, then its chain. Set together with `tlsKey`. */
    tlsCert: unset<string>(),
    tlsKey: unset<string>(),
    /** Gets a line for each request: a file, `-` for standard output, `journal` or `syslog`. */
    audit: unset<string>(),
    /** Refuses requests that the audit log cannot record. */
    auditRequired: false,
    /** URL of the AWS KMS endpoint for all operations other than GenerateRandom. */
    upstream: unset<string>(),
    /** Whether to sign requests to the upstream; if unset, only for an AWS domain. */
    upstreamResign: unset<boolean>(),
    /** URL of the endpoint of OTC or Huawei Cloud for all KMS operations other than gen-random. */
    huaweiUpstream: unset<string>(),
    /** Whether to sign requests to it; if unset, only for a domain of these clouds. */
    huaweiUpstreamResign: unset<boolean>(),
  },
};

/**
 * Whether a word or path names a place for the audit log: `-`, `journal`, `syslog`, or a file. Its path
 * has a slash, so that a misspelt word does not become a file somewhere.
 */
export function isAuditTarget(target: string): boolean {
  return ['-', 'journal', 'syslog'].includes(target) || target.includes('/');
}

export type Limits = typeof defaultLimits;
export type GatewayLimits = typeof defaultGatewayLimits;

/** Settings for some of the keys of `T`. Other properties are ignored. */
export type Layer<T> = { readonly [Key in keyof T]?: T[Key] | undefined };

/** Each key of `standard`, from the last layer that sets it. */
export function withDefaults<T extends object>(standard: T, ...layers: Layer<NoInfer<T>>[]): T {
  const settings = { ...standard };
  for (const layer of layers)
    for (const key of Object.keys(standard) as (keyof T)[])
      if (layer[key] !== undefined) settings[key] = layer[key];
  return settings;
}

/** A Unix socket of the daemon. */
export type ListenConfig = typeof defaults.listen & { path: string };

/** The table [gateway], under the file's names. */
export type GatewayKeys = typeof defaults.gateway;

/** Paths of two files in PEM. */
export interface TlsPaths {
  /** The certificate and the chain that leads to its root. */
  certificate: string;
  key: string;
}

/** The gateway's settings. */
export type GatewayConfig = Omit<GatewayKeys, 'tlsCert' | 'tlsKey'> & {
  tls: TlsPaths | undefined;
};

/** The daemon's settings. */
export interface Config {
  profile: Profile;
  /** Empty only if sockets were passed and nothing else is configured. */
  listen: ListenConfig[];
  access: typeof defaults.access;
  limits: Limits;
  generator: typeof defaults.generator;
  /** Noise sources besides the CPU's and the kernel's: [[source]]. */
  devices: DeviceOptions[];
  gateway: GatewayConfig;
}
