/** One checked configuration: flags over environment over file over defaults. */
import { readFile } from 'node:fs/promises';
import type { FileConfig } from './config-file.js';
import { EntropyError } from './errors.js';
import type { DeviceOptions } from './native.js';
import { daemonSocket, type Surroundings } from './socket-path.js';

/** Where the gateway listens unless it is told otherwise. */
export const defaultGatewayAddress = '127.0.0.1:8478';

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
  listen: ListenConfig[];
  /** Members are administrators, besides root and the daemon's own user. */
  adminGroup: string | undefined;
  limits: Limits;
  reseedRequests: number;
  reseedSeconds: number;
  /** Noise sources besides the CPU's and the kernel's. */
  devices: DeviceOptions[];
  gateway: { listen: string[]; dialect: 'otc' | 'hwc' };
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
}

/** What the command line may override. */
export interface ConfigFlags {
  /** Of a TOML file. */
  config?: string;
  socket?: string;
  profile?: 'default' | 'strict';
}

/** Everyone may connect, as everyone may read /dev/urandom. */
const defaultMode = 0o666;

/** There by default, and credited with nothing: behind it may be a hypervisor's word. */
const hwrng: DeviceOptions = { name: 'hwrng', path: '/dev/hwrng', creditedBitsPerByte: 0 };

/**
 * What the generator does unless it is told otherwise. SP 800-90A allows 2^48 requests; these keep
 * short for how long a stolen state is of use.
 */
export const generatorDefaults = {
  profile: 'default',
  reseedRequests: 4_096,
  reseedSeconds: 300,
  devices: [hwrng],
} as const;

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
  return names.has(hwrng.name) ? named : [hwrng, ...named];
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
  const listen: NonNullable<FileConfig['listen']> =
    override !== undefined || file.listen === undefined
      ? [{ path: daemonSocket(override, surroundings) }]
      : file.listen;
  return {
    profile: flags.profile ?? file.profile ?? generatorDefaults.profile,
    listen: listen.map(({ path, mode = defaultMode, admin = true }) => ({ path, mode, admin })),
    adminGroup: file.access?.admin_group,
    limits: {
      messageBytes: file.limits?.message_bytes ?? 65_536,
      connections: file.limits?.connections ?? 4_096,
      connectionsPerUser: file.limits?.connections_per_user ?? 1_024,
      bytesPerSecondPerUser: file.limits?.bytes_per_second_per_user ?? 0,
    },
    reseedRequests: file.generator?.reseed_requests ?? generatorDefaults.reseedRequests,
    reseedSeconds: file.generator?.reseed_seconds ?? generatorDefaults.reseedSeconds,
    devices: devices(file.source ?? []),
    gateway: {
      listen: file.gateway?.listen ?? [defaultGatewayAddress],
      dialect: file.gateway?.dialect ?? 'otc',
    },
  };
}

/**
 * The configuration of this process. The file's parser is loaded only where there is a file.
 * @throws EntropyError `ERR_CONFIG`, with file and line where the file is at fault
 */
export async function loadConfig(flags: ConfigFlags): Promise<Config> {
  if (flags.config === undefined) return mergeConfig({}, flags);
  const { parseConfigFile } = await import('./config-file.js');
  const text = await readFile(flags.config, 'utf8').catch((cause: Error) => {
    throw new EntropyError('ERR_CONFIG', `cannot read the configuration: ${cause.message}`, {
      cause,
    });
  });
  return mergeConfig(parseConfigFile(text, flags.config), flags);
}
