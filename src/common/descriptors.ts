/** How many descriptors the process may open, and so how many connections. */
import { readFileSync } from 'node:fs';

/** Connections beyond the limit that are reserved for administrators. */
export const reservedConnections = 16;

/** For everything else: sockets that listen, devices, the log, files that a reload reads. */
const spareDescriptors = 64;

/**
 * The last descriptors of the limit are not for connections, however they came to be used up: a
 * reload and a reopened device need them.
 */
export const lastDescriptors = 32;

/**
 * The soft limit of RLIMIT_NOFILE in force; Node raises it to the hard limit when it starts.
 * @param path in the form of proc_pid_limits(5)
 * @returns infinity if there is no limit, or nothing to read it from
 */
export function descriptorLimit(path = '/proc/self/limits'): number {
  let text = '';
  try {
    text = readFileSync(path, 'latin1');
  } catch {
    // Without /proc nothing is known; accept(2) itself fails then.
  }
  const [, soft] = /^Max open files +(\d+) /m.exec(text) ?? [];
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft);
}

/**
 * The limits that the descriptors allow: at least one connection.
 * @param descriptors as {@link descriptorLimit}
 */
export function withinDescriptors<Limits extends { readonly connections: number }>(
  limits: Limits,
  descriptors: number,
): Limits {
  const room = Math.max(1, descriptors - spareDescriptors - reservedConnections);
  return { ...limits, connections: Math.min(limits.connections, room) };
}
