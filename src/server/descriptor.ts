/** The descriptor of a connection, a field of node:net that is not documented and only read here. */
import type { Socket } from 'node:net';

/** @returns undefined where there is none; it may be another's once the socket was destroyed */
export function descriptor(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: unknown } | null };
  return typeof handle?.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}
