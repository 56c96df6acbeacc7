/** One checked configuration: flags over environment over file over defaults. */
import { readFile } from 'node:fs/promises';
import { EntropyError } from '../common/errors.js';
import type { DeviceOptions } from '../common/package.js';
import { daemonSocket, type Surroundings } from '../common/unix-socket.js';
import { generatorDefaults } from '../generator/interface.js';
import type { FileConfig } from './schema.js';

/** A Unix socket of the daemon. */
export interface ListenConfig {
  path: string;
  /** Of the socket file. */
  mode: number;
  /** Whether administrators have their methods here: not on sockets that containers see. */
  admin: boolean;
}

export interface Config {
  profile: 'default' | 'strict';
  /** Empty only where sockets were passed and nothing else is said. */
  listen: ListenConfig[];
  /** Members are administrators, besides root and the daemon's own user. */
  adminGroup: string | undefined;
  limits: Limits;
  reseedRequests: number;
  reseedSeconds: number;
  /** Noise sources besides the CPU's and the kernel's. */
  devices: DeviceOptions[];
  gateway: GatewayConfig;
}

/** What the command line may override. */
export interface ConfigFlags {
  /** Of a TOML file. */
  config?: string;
  socket?: string;
  profile?: 'default' | 'strict';
  /** The service manager passed sockets: none has to be named. */
  activated?: boolean;
}

const mebibyte = 1024 * 1024;

/** What clients may use unless the operator says otherwise. */
export const defaultLimits: Limits = {
  messageBytes: 65_536,
  connections: 4_096,
  connectionsPerUser: 1_024,
  bytesPerSecondPerUser: 0,
  unsentBytes: 64 * mebibyte,
  unsentBytesPerUser: 16 * mebibyte,
  predictionResistanceRequestsPerUser: 64,
  messageSeconds: 10,
  stallSeconds: 60,
};

/** Everyone may connect, as everyone may read /dev/urandom. */
const defaultMode = 0o666;

const [defaultDevice] = generatorDefaults.devices;

/** The operator's devices, and /dev/hwrng unless one of them takes its name. */
function devices(sources: NonNullable<FileConfig['source']>): DeviceOptions[] {
  const named = sources.map(({ name, path, credited_bits_per_byte = 0 }) => ({
    name,
    path,
    creditedBitsPerByte: credited_bits_per_byte,
  }));
  const names = new Set(named.map(({ name }) => name));
  if (names.size < named.length)
    throw new EntropyError('ERR_CONFIG', 'two [[source]] have the same name');
  return names.has(defaultDevice.name) ? named : [defaultDevice, ...named];
}

function limits(file: NonNullable<FileConfig['limits']>): Limits {
  const standard = defaultLimits;
  return {
    messageBytes: file.message_bytes ?? standard.messageBytes,
    connections: file.connections ?? standard.connections,
    connectionsPerUser: file.connections_per_user ?? standard.connectionsPerUser,
    bytesPerSecondPerUser: file.bytes_per_second_per_user ?? standard.bytesPerSecondPerUser,
    unsentBytes: file.unsent_bytes ?? standard.unsentBytes,
    unsentBytesPerUser: file.unsent_bytes_per_user ?? standard.unsentBytesPerUser,
    predictionResistanceRequestsPerUser:
      file.prediction_resistance_requests_per_user ?? standard.predictionResistanceRequestsPerUser,
    messageSeconds: file.message_seconds ?? standard.messageSeconds,
    stallSeconds: file.stall_seconds ?? standard.stallSeconds,
  };
}

/**
 * Merges a file and the flags.
 * @param file as checked; `{}` where there is none
 * @throws EntropyError `ERR_CONFIG`
 */
export function mergeConfig(
  file: FileConfig,
  flags: ConfigFlags,
  surroundings?: Surroundings,
): Config {
  const { env } = surroundings ?? process;
  const override = flags.socket ?? (env.ENTROPYD_SOCKET || undefined);
  const standard = () => [{ path: daemonSocket(override, surroundings) }];
  const listen: NonNullable<FileConfig['listen']> =
    override !== undefined ? standard() : (file.listen ?? (flags.activated ? [] : standard()));
  return {
    profile: flags.profile ?? file.profile ?? generatorDefaults.profile,
    listen: listen.map(({ path, mode = defaultMode, admin = true }) => ({ path, mode, admin })),
    adminGroup: file.access?.admin_group,
    limits: limits(file.limits ?? {}),
    reseedRequests: file.generator?.reseed_requests ?? generatorDefaults.reseedRequests,
    reseedSeconds: file.generator?.reseed_seconds ?? generatorDefaults.reseedSeconds,
    devices: devices(file.source ?? []),
    gateway: mergeGatewayConfig(file.gateway),
  };
}

/** The file's parser is loaded only where there is a file. */
async function readConfigFile(path: string | undefined): Promise<FileConfig> {
  if (path === undefined) return {};
  const { parseConfigFile } = await import('./schema.js');
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new EntropyError('ERR_CONFIG', `cannot read the configuration: ${cause.message}`, {
      cause,
    });
  });
  return parseConfigFile(text, path);
}

/**
 * The configuration of this process.
 * @throws EntropyError `ERR_CONFIG`, with file and line where the file is at fault
 */
export async function loadConfig(flags: ConfigFlags): Promise<Config> {
  return mergeConfig(await readConfigFile(flags.config), flags);
}

/** What the command line of a gateway in a process of its own may override. */
export interface GatewayCommandFlags extends GatewayFlags {
  /** Of a TOML file. */
  config?: string;
  socket?: string;
}

/**
 * The configuration of a gateway in a process of its own.
 * @returns `socket`: of the daemon; undefined where nothing names it
 * @throws EntropyError `ERR_CONFIG`, with file and line where the file is at fault
 */
export async function loadGatewayConfig(
  flags: GatewayCommandFlags,
  env: NodeJS.ProcessEnv = process.env,
): Promise<GatewayConfig & { socket: string | undefined }> {
  const file = await readConfigFile(flags.config);
  const socket = flags.socket ?? (env.ENTROPYD_SOCKET || file.listen?.[0]?.path);
  return { ...mergeGatewayConfig(file.gateway, flags), socket };
}

// The gateway's part of the configuration: flags over the file's `[gateway]` over defaults.

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

/** What clients may use. */
export interface Limits {
  /** Of one message, bytes. */
  messageBytes: number;
  /** In all; some more are kept for administrators. */
  connections: number;
  connectionsPerUser: number;
  /** Random bytes; 0: no limit. */
  bytesPerSecondPerUser: number;
  /** Answers that the kernel has not taken: of all users, and of one. */
  unsentBytes: number;
  unsentBytesPerUser: number;
  /** Requests with prediction resistance that may wait for entropy. */
  predictionResistanceRequestsPerUser: number;
  /** For a message to arrive whole, and for the kernel to take a piece of an answer. */
  messageSeconds: number;
  stallSeconds: number;
}
