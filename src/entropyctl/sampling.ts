/** Raw samples for an assessment, from instances of a noise source in this process: no daemon takes part. */
import type { SourceDescription, SourceToRead } from '../common/assessment.js';
import type { Addon } from '../common/package.js';
import { CommandError } from '../common/program.js';
import type { RestartData } from './restarts.js';

/** The device that every daemon has by default, and its name there. */
const hwrng = { name: 'hwrng', path: '/dev/hwrng' };

/** H that a device is tested for by default, bits per byte: `tested_bits_per_byte`. */
const deviceBitsPerByte = 7;

/** Restarts between two reports of progress. */
const restartsAtOnce = 25;

/** The part of the addon that reads sources. */
export type SampleAddon = Pick<Addon, 'builtInSources' | 'describeSource' | 'readSource'>;

/**
 * Finds a source.
 * @param name of a built-in source, `hwrng`, or the path of a device
 * @throws CommandError `ERR_PARAMS` if there is none
 */
export function findSource(addon: SampleAddon, name: string): SourceDescription {
  const path = name.includes('/') ? name : name === hwrng.name ? hwrng.path : '';
  const found = addon.describeSource({ name, path, testedBitsPerByte: deviceBitsPerByte });
  if (found !== undefined) return found;
  const known = [...addon.builtInSources(), hwrng.name].join(', ');
  throw new CommandError(
    'ERR_PARAMS',
    `no such noise source: ${name}; there are ${known}; or give the path of a device`,
  );
}

/** Samples of one assessment. */
export interface Collected {
  /** Consecutive samples of one instance. */
  readonly samples: Uint8Array;
  /** How long they took. */
  readonly seconds: number;
  readonly restart: (RestartData & { readonly seconds: number }) | undefined;
}

export interface CollectOptions {
  readonly samples: number;
  /** Instances of the source, and consecutive samples of each; undefined: no restart data. */
  readonly restarts: { readonly restarts: number; readonly samples: number } | undefined;
  /** Told what is being read, in a few words. */
  progress?: ((what: string) => void) | undefined;
  /** Milliseconds; default: `performance.now()`. */
  now?: (() => number) | undefined;
}

/**
 * Reads sequential samples, and restart data from one new instance of the source per restart. An
 * instance opens its device or maps its memory again; the hardware itself is not reset.
 * @throws CommandError `ERR_ENTROPY` if the source does not yield them
 */
export async function collect(
  addon: SampleAddon,
  source: SourceToRead,
  { samples, restarts, progress = () => {}, now = () => performance.now() }: CollectOptions,
): Promise<Collected> {
  const read = async (size: number, instances: number): Promise<Uint8Array> => {
    try {
      return (await addon.readSource(source, size, instances)) ?? new Uint8Array();
    } catch (error) {
      throw new CommandError('ERR_ENTROPY', `no samples: ${(error as Error).message}`);
    }
  };
  const timed = async <T>(use: () => Promise<T>): Promise<[T, number]> => {
    const start = now();
    return [await use(), (now() - start) / 1000];
  };
  progress(`reading ${samples} samples of ${source.name}`);
  const [sequential, seconds] = await timed(() => read(samples, 1));
  if (restarts === undefined) return { samples: sequential, seconds, restart: undefined };
  const data = new Uint8Array(restarts.restarts * restarts.samples);
  const [, restartSeconds] = await timed(async () => {
    for (let done = 0; done < restarts.restarts; done += restartsAtOnce) {
      progress(`restart ${done} of ${restarts.restarts}`);
      const instances = Math.min(restartsAtOnce, restarts.restarts - done);
      data.set(await read(restarts.samples, instances), done * restarts.samples);
    }
  });
  return { samples: sequential, seconds, restart: { ...restarts, data, seconds: restartSeconds } };
}
