/** Creates the process's generator: the addon's, or `node:crypto`'s if there is no addon. */
import { EntropyError } from '../common/errors.js';
import { type DeviceOptions, type LoadResult, loadAddon } from '../common/package.js';
import { NativeBackedGenerator } from './addon-generator.js';
import { FallbackGenerator } from './fallback-generator.js';
import {
  defaultTestedBitsPerByte,
  type Generator,
  type GeneratorOptions,
  generatorDefaults,
  minCreditedBitsPerByte,
  minTestedBitsPerByte,
} from './interface.js';

const maxUint32 = 2 ** 32 - 1;

/** The addon converts any number to an unsigned integer without complaint. */
function check(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new EntropyError('ERR_CONFIG', `${name}: want an integer of ${min} to ${max}`);
}

function checkedDevice(device: DeviceOptions): Required<DeviceOptions> {
  const { testedBitsPerByte: tested = defaultTestedBitsPerByte } = device;
  const { name, creditedBitsPerByte: credited } = device;
  const refuse = (option: string, wanted: string) =>
    new EntropyError('ERR_CONFIG', `${name}: ${option}: want ${wanted}`);
  if (!(tested >= minTestedBitsPerByte && tested <= 8))
    throw refuse('testedBitsPerByte', `a number of ${minTestedBitsPerByte} to 8`);
  if (!(credited === 0 || (credited >= minCreditedBitsPerByte && credited <= tested)))
    throw refuse(
      'creditedBitsPerByte',
      `0, or ${minCreditedBitsPerByte} to ${tested}, the bits that are tested`,
    );
  return { ...device, testedBitsPerByte: tested };
}

/**
 * Creates a generator. This waits up to 5 ms for the first seed of the addon's; then its state is
 * `seeding`, or in profile `default` the kernel's generator seeds it.
 * @param loaded the addon, if the program has loaded it already
 * @returns the generator; close it to end its threads
 * @throws EntropyError `ERR_HEALTH` if there is no addon and profile `strict` refuses the fallback,
 *   `ERR_CONFIG` if an option is out of range, if a device is credited that cannot be (a regular
 *   file, the kernel's own generator), or if `strict` cannot lock its memory
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
  const checkedDevices = devices.map(checkedDevice);
  if (loaded.addon === undefined) {
    if (profile === 'strict')
      throw new EntropyError('ERR_HEALTH', `profile strict refuses the fallback: ${loaded.reason}`);
    return new FallbackGenerator(loaded.reason, onTransition);
  }
  const native = { profile, reseedRequests, reseedSeconds, devices: checkedDevices };
  try {
    return new NativeBackedGenerator(loaded.addon, native, onTransition);
  } catch (error) {
    throw new EntropyError('ERR_CONFIG', (error as Error).message, { cause: error });
  }
}
