/** Creates the process's generator: the addon's, or `node:crypto`'s if there is no addon. */
import { EntropyError } from '../common/errors.js';
import { type LoadResult, loadAddon } from '../common/package.js';
import { NativeBackedGenerator } from './addon-generator.js';
import { FallbackGenerator } from './fallback-generator.js';
import { type Generator, type GeneratorOptions, generatorDefaults } from './interface.js';

const maxUint32 = 2 ** 32 - 1;

/** The addon converts any number to an unsigned integer without complaint. */
function check(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new EntropyError('ERR_CONFIG', `${name}: want an integer of ${min} to ${max}`);
}

/**
 * Creates a generator. The addon's is seeded when this returns, unless all credited sources are
 * slow.
 * @param loaded the addon, if the program has loaded it already
 * @returns the generator; close it to end its threads
 * @throws EntropyError `ERR_HEALTH` if there is no addon and profile `strict` refuses the fallback,
 *   `ERR_CONFIG` if an option is out of range
 */
export function createGenerator(
  options: GeneratorOptions = {},
  loaded: LoadResult = loadAddon(),
): Generator {
  const { onTransition = () => {} } = options;
  const {
    profile = generatorDefaults.profile,
    reseedRequests = generatorDefaults.reseedRequests,
    reseedSeconds = generatorDefaults.reseedSeconds,
    devices = [...generatorDefaults.devices],
  } = options;
  check('reseedRequests', reseedRequests, 1, maxUint32);
  check('reseedSeconds', reseedSeconds, 1, maxUint32);
  for (const device of devices) check('creditedBitsPerByte', device.creditedBitsPerByte, 0, 8);
  if (loaded.addon === undefined) {
    if (profile === 'strict')
      throw new EntropyError('ERR_HEALTH', `profile strict refuses the fallback: ${loaded.reason}`);
    return new FallbackGenerator(loaded.reason, onTransition);
  }
  return new NativeBackedGenerator(
    loaded.addon,
    { profile, reseedRequests, reseedSeconds, devices },
    onTransition,
  );
}
