/** Creates the addon's generator, or node:crypto's if there is no addon. */

import { EntropyError } from '../common/errors.js';
import { type LoadResult, loadAddon } from '../common/package.js';
import { NativeBackedGenerator } from './addon-generator.js';
import { FallbackGenerator } from './fallback-generator.js';
import { type Generator, type GeneratorOptions, generatorDefaults } from './interface.js';

const maxUint32 = 2 ** 32 - 1;

/** The addon takes unsigned integers and would make some of anything. */
function check(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new EntropyError('ERR_CONFIG', `${name}: want an integer of ${min} to ${max}`);
}

/**
 * The generator of this process: the addon's, which is seeded when this returns unless only slow
 * sources are credited, or the fallback.
 * @param options see `GeneratorOptions`; profile `strict` refuses the fallback
 * @param loaded the addon, for a program that has loaded it already
 * @throws EntropyError `ERR_HEALTH` where profile `strict` would have to fall back, `ERR_CONFIG`
 */
export function createGenerator(
  options: GeneratorOptions = {},
  loaded: LoadResult = loadAddon(),
): Generator {
  const onTransition = options.onTransition ?? (() => {});
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
