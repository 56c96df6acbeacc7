/** How many workers a gateway has, and what each may take of its limits. */
import { availableParallelism } from 'node:os';
import { EntropyError } from '../../common/errors.js';
import { chunkSize } from '../../common/unix-socket.js';
import { defaultGatewayLimits, type GatewayLimits, withDefaults } from '../../config/config.js';

/** `auto` has no more: what workers add ends with what one daemon gives them. Ours. */
const maxAutomatic = 8;

/** The least that each worker needs of a limit, by its key: what the schema asks of the whole gateway. */
const leastShare = {
  requests: 1,
  unsentBytes: chunkSize,
  bodyBytes: 1_048_576,
} as const satisfies Partial<GatewayLimits>;

type Shared = keyof typeof leastShare;
const shared = Object.keys(leastShare) as Shared[];

/**
 * The number of workers.
 * @param options the key `workers`, and limits; default: those of the configuration
 * @param processors that this process may use
 * @returns 1: the gateway is one process
 * @throws EntropyError `ERR_CONFIG` if a limit does not have enough for that many
 */
export function workerCount(
  {
    workers = 1,
    ...options
  }: { readonly workers?: number | 'auto' | undefined } & {
    readonly [Key in keyof GatewayLimits]?: GatewayLimits[Key] | undefined;
  },
  processors = availableParallelism(),
): number {
  const limits = withDefaults(defaultGatewayLimits, options);
  const roomFor = (key: Shared) => Math.floor(limits[key] / leastShare[key]);
  if (workers === 'auto')
    return Math.max(1, Math.min(processors, maxAutomatic, ...shared.map(roomFor)));
  for (const key of shared)
    if (workers > 1 && workers > roomFor(key)) {
      const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const text = `workers: want at most ${roomFor(key)}: each takes an equal share of ${name}`;
      throw new EntropyError('ERR_CONFIG', text, { key: 'gateway.workers' });
    }
  return workers;
}

/**
 * What one of several workers may take. Connections are not divided: the primary process counts them,
 * by client too.
 */
export function shareOf(limits: GatewayLimits, workers: number): GatewayLimits {
  const share = { ...limits, connectionsPerAddress: 0 };
  for (const key of shared) share[key] = Math.floor(limits[key] / workers);
  return share;
}
