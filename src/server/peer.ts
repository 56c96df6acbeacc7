/** Who is at the other end of a connection, by the kernel's word and never by the client's. */
import type { Socket } from 'node:net';
import type { Addon, PeerCredentials } from '../common/package.js';
import { descriptor } from './descriptor.js';

export interface Peer {
  /** -1 where it cannot be known. */
  uid: number;
  /** Root, the daemon's own user, or a member of the administrators' group. */
  admin: boolean;
}

/** Where nobody can be told apart, nobody is an administrator. */
export const nobody: Peer = { uid: -1, admin: false };

/** What makes an administrator on a listener for them. */
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
 * @param addon without it nobody can be told apart
 * @param rule undefined where administrators have no methods
 */
export function identify(
  socket: Socket,
  addon: Addon | undefined,
  rule: AdminRule | undefined,
): Peer {
  const fd = descriptor(socket);
  if (addon === undefined || fd === undefined) return nobody;
  const credentials = addon.peerCredentials(fd);
  if (credentials === null) return nobody;
  return { uid: credentials.uid, admin: rule !== undefined && isAdmin(credentials, rule) };
}
