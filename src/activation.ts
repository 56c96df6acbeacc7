/** Listening sockets that a service manager opened and passed: sd_listen_fds_with_names(3). */
import { EntropyError } from './common/errors.js';
import type { Addon } from './common/package.js';

/** A listening socket that is not ours: neither its file nor its mode. */
export interface PassedSocket {
  fd: number;
  /** Undefined for TCP, an abstract name, and where there is no addon to ask for it. */
  path: string | undefined;
}

/** SD_LISTEN_FDS_START: descriptors are passed from here on, without a gap. */
const firstDescriptor = 3;

/** What a manager that knows no names calls them. */
const unnamed = 'unknown';

/** More than any unit has; a bound on what is made of a number in the environment. */
const maxDescriptors = 1_024;

const variables = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const;

/**
 * Names and numbers of the descriptors that were passed to this process.
 * @param env with LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES, or none of them
 * @param pid of this process: what was passed to another is not ours
 * @returns in the order of their numbers, which is no order of the unit's
 * @throws EntropyError `ERR_CONFIG` where the variables contradict each other
 */
export function passedDescriptors(
  env: NodeJS.ProcessEnv,
  pid: number,
): { fd: number; name: string }[] {
  if (env.LISTEN_PID !== String(pid)) return [];
  const count = Number(env.LISTEN_FDS);
  if (!Number.isInteger(count) || count < 0 || count > maxDescriptors)
    throw new EntropyError('ERR_CONFIG', `LISTEN_FDS: want an integer of 0 to ${maxDescriptors}`);
  const names = env.LISTEN_FDNAMES?.split(':') ?? new Array<string>(count).fill(unnamed);
  if (count > 0 && names.length !== count)
    throw new EntropyError('ERR_CONFIG', `LISTEN_FDNAMES: want ${count} names`);
  return Array.from({ length: count }, (_, i) => ({
    fd: firstDescriptor + i,
    name: names[i] as string,
  }));
}

/**
 * The sockets that were passed to this program, once: the variables are gone afterwards, so that no
 * child takes them for its own.
 * @param name of the unit's `FileDescriptorName=`; others are refused, or their clients would wait
 *   for ever
 * @param addon tells their paths
 * @throws EntropyError `ERR_CONFIG`
 */
export function takePassedSockets(
  name: string,
  addon: Addon | undefined,
  env: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): PassedSocket[] {
  const passed = passedDescriptors(env, pid);
  for (const variable of variables) delete env[variable];
  const other = passed.find((each) => each.name !== name && each.name !== unnamed);
  if (other !== undefined)
    throw new EntropyError(
      'ERR_CONFIG',
      `descriptor ${other.fd} was passed as ${JSON.stringify(other.name)}; want FileDescriptorName=${name}`,
    );
  return passed.map(({ fd }) => ({ fd, path: addon?.socketPath(fd) ?? undefined }));
}
