/** Who is at the other end of a connection, by the kernel's word and never by the client's. */
import type { Socket } from 'node:net';
import type { Addon, PeerCredentials } from '../native.js';

export interface Peer {
  /** Root, the daemon's own user, or a member of the administrators' group. */
  admin: boolean;
}

/** Where nobody can be told apart, nobody is an administrator. */
export const nobody: Peer = { admin: false };

/** What makes an administrator. */
export interface AdminRule {
  /** Of the daemon. */
  uid: number;
  /** Undefined: no group. */
  group: number | undefined;
}

/** Whether these credentials are an administrator's. */
export function isAdmin({ uid, gids }: PeerCredentials, rule: AdminRule): boolean {
  return uid === 0 || uid === rule.uid || (rule.group !== undefined && gids.includes(rule.group));
}

/**
 * Asks the kernel about a connection (SO_PEERCRED, SO_PEERGROUPS).
 * @param addon without it nobody is an administrator
 */
export function identify(socket: Socket, addon: Addon | undefined, rule: AdminRule): Peer {
  // Undocumented, and read only: without it nobody is an administrator.
  const { _handle: handle } = socket as unknown as { _handle?: { fd?: unknown } };
  if (addon === undefined || typeof handle?.fd !== 'number') return nobody;
  const credentials = addon.peerCredentials(handle.fd);
  return { admin: credentials !== null && isAdmin(credentials, rule) };
}
