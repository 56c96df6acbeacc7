/** The configuration file's keys with their types and ranges. Loaded only if there is a file. */
import { isIP } from 'node:net';
import * as v from 'valibot';
import { parseAddress } from '../common/address.js';
import { type DeviceOptions, profiles } from '../common/package.js';
import { chunkSize } from '../common/unix-socket.js';
import { minCreditedBitsPerByte, minTestedBitsPerByte } from '../generator/interface.js';
import {
  type Config,
  defaults,
  dialects,
  type GatewayKeys,
  isAuditTarget,
  type Limits,
  type ListenConfig,
  protocols,
} from './config.js';
import { type Fault, flag, integer, oneOf, parseTomlFile, text } from './toml.js';

const uint32 = 2 ** 32 - 1;

type SnakeCase<Name extends string> = Name extends `${infer Letter}${infer Rest}`
  ? `${Letter extends Lowercase<Letter> ? Letter : `_${Lowercase<Letter>}`}${SnakeCase<Rest>}`
  : '';

/** One schema for each key of a table in config.ts, under the file's name. */
type Schemas<Table> = {
  [Name in keyof Table & string as SnakeCase<Name>]: v.GenericSchema<
    unknown,
    Table[Name] | undefined
  >;
};

const octalMode = v.pipe(
  v.string('want an octal mode such as "0666"'),
  v.regex(/^0?[0-7]{3}$/, 'want an octal mode such as "0666"'),
  v.transform((mode) => Number.parseInt(mode, 8)),
);
const some = <Item extends v.GenericSchema>(item: Item, wanted: string) =>
  v.pipe(v.array(item), v.minLength(1, `want at least one ${wanted}`));

const wantedNetwork = 'want an IP address, or a network such as "10.0.0.0/8"';

/** An address, or a network in CIDR notation. */
const network = v.pipe(
  v.string(wantedNetwork),
  v.check((range) => {
    const [address = '', bits = '0', ...more] = range.split('/');
    const most = { 4: 32, 6: 128 }[isIP(address)] ?? -1;
    return more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= most;
  }, wantedNetwork),
);

/** Bits per byte, which may be a fraction. */
const bits = (min: number) =>
  v.pipe(
    v.number(`want a number of ${min} to 8`),
    v.minValue(min, `want a number of ${min} to 8`),
    v.maxValue(8, `want a number of ${min} to 8`),
  );
const credit = v.pipe(
  bits(0),
  v.check(
    (value) => value === 0 || value >= minCreditedBitsPerByte,
    `want 0, or a number of ${minCreditedBitsPerByte} to 8`,
  ),
);

/** An address to listen on. */
const address = v.pipe(
  text,
  v.check((value) => {
    try {
      return parseAddress(value) !== undefined;
    } catch {
      return false;
    }
  }, 'want HOST:PORT, [IPV6]:PORT or unix:PATH'),
);

/** More than one daemon can serve. Each worker is a process of some 60 MiB. */
const maxWorkers = 64;

const wantedWorkers = `want an integer of 1 to ${maxWorkers}, or "auto"`;

const workers = v.pipe(
  v.union([v.literal('auto'), v.number()], wantedWorkers),
  v.check(
    (count) => count === 'auto' || (Number.isInteger(count) && count >= 1 && count <= maxWorkers),
    wantedWorkers,
  ),
);

/** Where the audit log goes. */
const auditTarget = v.pipe(
  text,
  v.check(
    isAuditTarget,
    'want "-", "journal", "syslog", or the path of a file with a slash (./NAME)',
  ),
);

const source = v.strictObject({
  name: v.pipe(text, v.regex(/^[a-z0-9_-]{1,32}$/, 'want 1 to 32 of a-z, 0-9, _ and -')),
  path: text,
  tested_bits_per_byte: v.optional(bits(minTestedBitsPerByte)),
  credited_bits_per_byte: v.optional(credit),
} satisfies Schemas<DeviceOptions>);

/** Everything that a file may contain. */
export const configSchema = v.strictObject({
  profile: v.optional(oneOf(...profiles)),
  listen: v.optional(
    v.pipe(
      v.array(
        v.strictObject({
          path: text,
          mode: v.optional(octalMode),
          protocol: v.optional(oneOf(...protocols)),
          admin: v.optional(flag),
        } satisfies Schemas<ListenConfig>),
      ),
      v.minLength(1, 'want at least one [[listen]]'),
    ),
  ),
  access: v.optional(
    v.strictObject({ admin_group: v.optional(text) } satisfies Schemas<Config['access']>),
  ),
  limits: v.optional(
    v.strictObject({
      message_bytes: v.optional(integer(64, 1_048_576)),
      connections: v.optional(integer(1, 1_000_000)),
      connections_per_user: v.optional(integer(1, 1_000_000)),
      bytes_per_second_per_user: v.optional(integer(0, uint32)),
      // Every user must be able to have one whole write unsent.
      unsent_bytes: v.optional(integer(chunkSize, uint32)),
      unsent_bytes_per_user: v.optional(integer(chunkSize, uint32)),
      prediction_resistance_requests_per_user: v.optional(integer(1, 65_536)),
      message_seconds: v.optional(integer(1, 3_600)),
      stall_seconds: v.optional(integer(1, 3_600)),
      spin_us: v.optional(integer(0, 1_000)),
    } satisfies Schemas<Limits>),
  ),
  generator: v.optional(
    v.strictObject({
      reseed_requests: v.optional(integer(1, uint32)),
      reseed_seconds: v.optional(integer(1, uint32)),
    } satisfies Schemas<Config['generator']>),
  ),
  source: v.optional(
    v.array(
      v.pipe(
        source,
        v.forward(
          v.partialCheck(
            [['tested_bits_per_byte'], ['credited_bits_per_byte']],
            ({
              tested_bits_per_byte: tested = defaults.source.testedBitsPerByte,
              credited_bits_per_byte: credited = 0,
            }) => credited <= tested,
            'want at most tested_bits_per_byte',
          ),
          ['credited_bits_per_byte'],
        ),
      ),
    ),
  ),
  gateway: v.optional(
    v.strictObject({
      apis: v.optional(some(text, 'API')), // list.ts knows their names
      listen: v.optional(some(address, 'address')),
      access: v.optional(oneOf('open')),
      credentials: v.optional(text),
      require_signatures: v.optional(flag),
      regions: v.optional(some(text, 'region')),
      dialect: v.optional(oneOf(...dialects)),
      node_sdk_errors: v.optional(flag),
      page_hosts: v.optional(some(text, 'name')),
      connections: v.optional(integer(16, 1_000_000)),
      connections_per_address: v.optional(integer(0, 1_000_000)),
      trusted_proxies: v.optional(v.array(network)),
      requests: v.optional(integer(1, 1_000_000)),
      requests_per_connection: v.optional(integer(1, 1_000_000)),
      unsent_bytes: v.optional(integer(chunkSize, uint32)),
      unsent_bytes_per_connection: v.optional(integer(1, uint32)),
      // One request with the largest body must have room.
      body_bytes: v.optional(integer(1_048_576, uint32)),
      workers: v.optional(workers),
      tls_cert: v.optional(text),
      tls_key: v.optional(text),
      audit: v.optional(auditTarget),
      audit_required: v.optional(flag),
      upstream: v.optional(text),
      upstream_resign: v.optional(flag),
      huawei_upstream: v.optional(text),
      huawei_upstream_resign: v.optional(flag),
    } satisfies Schemas<GatewayKeys>),
  ),
});

/** A file's content, checked, under its own names. */
export type FileConfig = v.InferOutput<typeof configSchema>;

/**
 * Parses the text of a configuration file.
 * @param source TOML 1.0
 * @param file its name, for messages
 * @throws EntropyError `ERR_CONFIG` with file, line, key and what is wanted there; a file with a
 *   fault is refused as a whole
 */
export function parseConfigFile(source: string, file: string): FileConfig {
  return parseTomlFile(configSchema, source, file, contradiction);
}

/** Keys that do not go together. */
function contradiction({ source = [], gateway = {} }: FileConfig): Fault | undefined {
  const names = source.map(({ name }) => name);
  const twice = names.findIndex((name, i) => names.indexOf(name) < i);
  if (twice >= 0)
    return { path: ['source', twice, 'name'], wanted: 'want another name: it is taken' };
  const { access, credentials, require_signatures: required } = gateway;
  if (access === 'open' && (credentials !== undefined || required === true))
    return {
      path: ['gateway', 'access'],
      wanted: '"open" contradicts credentials and require_signatures: remove one of them',
    };
  return undefined;
}
