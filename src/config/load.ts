/** The configuration in force: options over environment over file over defaults. */
import { EntropyError } from '../common/errors.js';
import type { DeviceOptions, Profile } from '../common/package.js';
import { readRegularFile } from '../common/regular-file.js';
import { daemonSocket, type Surroundings } from '../common/unix-socket.js';
import { generatorDefaults } from '../generator/interface.js';
import {
  type Config,
  defaults,
  type GatewayConfig,
  type GatewayKeys,
  type Layer,
  type ListenConfig,
  type TlsPaths,
  withDefaults,
} from './config.js';
import type { FileConfig } from './schema.js';

type CamelCase<Key extends string> = Key extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Key;

/**
 * The name of a key of the file in `defaults`.
 * @param key `message_bytes`
 * @returns `messageBytes`
 */
export function camelCase<Key extends string>(key: Key): CamelCase<Key> {
  return key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()) as CamelCase<Key>;
}

/** A table of the file under the names of `defaults`; without a table, an empty one. */
function camelCaseKeys<Table extends object>(
  table: Table | undefined,
): { [Key in keyof Table & string as CamelCase<Key>]: Table[Key] } {
  const entries = Object.entries(table ?? {}).map(([key, value]) => [camelCase(key), value]);
  return Object.fromEntries(entries);
}

/** Options of the daemon's command line. */
export interface ConfigFlags {
  /** Path of a TOML file. */
  config?: string;
  socket?: string;
  /** Path of an EGD socket, besides the other sockets. */
  egdSocket?: string;
  profile?: Profile;
  /** Whether the service manager passed sockets; then none has to be configured. */
  activated?: boolean;
}

/** Options of the gateway's command line. Each may override a key of [gateway]. */
export type GatewayFlags = Layer<GatewayKeys> & Omit<ConfigFlags, 'profile' | 'egdSocket'>;

/**
 * Merges a file and the options of the daemon.
 * @param file as checked by schema.ts; `{}` without a file
 * @param surroundings default: this process
 * @throws EntropyError `ERR_CONFIG`
 */
export function mergeConfig(
  file: FileConfig,
  flags: ConfigFlags,
  surroundings?: Surroundings,
): Config {
  return {
    profile: flags.profile ?? file.profile ?? defaults.profile,
    listen: listenConfig(file.listen, flags, surroundings),
    access: withDefaults(defaults.access, camelCaseKeys(file.access)),
    limits: withDefaults(defaults.limits, camelCaseKeys(file.limits)),
    generator: withDefaults(defaults.generator, camelCaseKeys(file.generator)),
    devices: devices(file.source),
    gateway: mergeGatewayConfig(file.gateway),
  };
}

function listenConfig(
  file: FileConfig['listen'],
  { socket, egdSocket, activated }: ConfigFlags,
  surroundings: Surroundings | undefined,
): ListenConfig[] {
  const { env } = surroundings ?? process;
  const override = socket ?? (env.ENTROPYD_SOCKET || undefined);
  const standard = () => [{ path: daemonSocket(override, surroundings) }];
  const wanted: NonNullable<FileConfig['listen']> =
    override !== undefined ? standard() : (file ?? (activated ? [] : standard()));
  const egd = egdSocket === undefined ? [] : [{ path: egdSocket, protocol: 'egd' as const }];
  return [...wanted.filter(({ path }) => path !== egdSocket), ...egd].map((entry) => ({
    ...withDefaults(defaults.listen, entry),
    path: entry.path,
  }));
}

/** The operator's devices, after those default ones whose names they do not take. */
function devices(sources: FileConfig['source'] = []): DeviceOptions[] {
  const named = sources.map((source) => ({
    ...withDefaults(defaults.source, camelCaseKeys(source)),
    name: source.name,
    path: source.path,
  }));
  const names = new Set(named.map(({ name }) => name));
  return [...generatorDefaults.devices.filter(({ name }) => !names.has(name)), ...named];
}

/**
 * Merges the table [gateway] and the options of the gateway.
 * @param file as checked by schema.ts
 * @throws EntropyError `ERR_CONFIG`
 */
export function mergeGatewayConfig(
  file?: FileConfig['gateway'],
  flags: GatewayFlags = {},
): GatewayConfig {
  const standard = flags.activated ? { ...defaults.gateway, listen: [] } : defaults.gateway;
  const { tlsCert, tlsKey, ...config } = withDefaults(standard, camelCaseKeys(file), flags);
  return { ...config, tls: tlsPaths(tlsCert, tlsKey) };
}

/** @throws EntropyError `ERR_CONFIG` if only one of the two is set */
function tlsPaths(certificate: string | undefined, key: string | undefined): TlsPaths | undefined {
  if (certificate !== undefined && key !== undefined) return { certificate, key };
  if (certificate === undefined && key === undefined) return undefined;
  throw new EntropyError(
    'ERR_CONFIG',
    'TLS needs a certificate and its key: --tls-cert FILE --tls-key FILE, or tls_cert and tls_key',
    { key: certificate === undefined ? 'gateway.tls_key' : 'gateway.tls_cert' },
  );
}

/** Loads the parser only if there is a file: it takes longer than the daemon's start. */
async function readConfigFile(path: string | undefined): Promise<FileConfig> {
  if (path === undefined) return {};
  const { parseConfigFile } = await import('./schema.js');
  const bytes = await readRegularFile(path, 'configuration');
  return parseConfigFile(bytes.toString(), path);
}

/**
 * Runs what uses the configuration, and names the line of a key that turns out wrong only there: a
 * group that does not exist, a file that cannot be read.
 * @param flags options of the command line; one of them may have replaced what the file says
 * @throws what `use` throws
 */
export async function namingLines<T>(
  flags: Readonly<Record<string, unknown>> & Pick<ConfigFlags, 'config'>,
  use: () => Promise<T>,
): Promise<T> {
  try {
    return await use();
  } catch (error) {
    const { config: file } = flags;
    if (!(error instanceof EntropyError) || error.key === undefined || file === undefined)
      throw error;
    const path = error.key.split('.');
    if (flags[camelCase(path.at(-1) as string)] !== undefined) throw error;
    const { lineOfKey } = await import('./toml.js');
    const line = lineOfKey((await readRegularFile(file, 'configuration')).toString(), path);
    if (line === undefined) throw error;
    const { code, key, message } = error;
    throw new EntropyError(code, `${file}:${line}: ${message}`, { cause: error, key });
  }
}

/**
 * Loads the configuration of a daemon.
 * @throws EntropyError `ERR_CONFIG`, with file and line if the file has a fault
 */
export async function loadConfig(flags: ConfigFlags): Promise<Config> {
  const file = await readConfigFile(flags.config);
  return namingLines({ ...flags }, async () => mergeConfig(file, flags));
}

/**
 * Loads the configuration of a gateway that runs as a process of its own.
 * @returns with `socket`, the daemon's; undefined if nothing names it
 * @throws EntropyError `ERR_CONFIG`, with file and line if the file has a fault
 */
export async function loadGatewayConfig(
  flags: GatewayFlags,
  env: NodeJS.ProcessEnv = process.env,
): Promise<GatewayConfig & { socket: string | undefined }> {
  const file = await readConfigFile(flags.config);
  const listed = file.listen?.find(({ protocol = 'rpc' }) => protocol === 'rpc');
  const socket = flags.socket ?? (env.ENTROPYD_SOCKET || listed?.path);
  const merge = async () => mergeGatewayConfig(file.gateway, flags);
  return { ...(await namingLines({ ...flags }, merge)), socket };
}
