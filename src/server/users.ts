/** What each user of the host has in use, so that none can use up what is everybody's. */

import type { Socket } from 'node:net';
import { EntropyError } from '../common/errors.js';
import type { Addon, PeerCredentials } from '../common/package.js';
import type { Limits } from '../config/config.js';
import { descriptor } from './socket-input.js';

/** Read at every use, so that a reload changes them for all: a lower one refuses what is new. */
export type UserLimits = Pick<
  Limits,
  | 'connectionsPerUser'
  | 'bytesPerSecondPerUser'
  | 'unsentBytesPerUser'
  | 'predictionResistanceRequestsPerUser'
>;

/** Milliseconds, as `performance.now()`. */
export type Clock = () => number;

export class User {
  readonly #limits: UserLimits;
  readonly #clock: Clock;
  connections = 0;
  #unsent = 0;
  #predictionResistant = 0;
  /** Bytes that may be asked for at `#filledAt`, up to a second's; below 0 they are owed. */
  #remaining: number;
  #filledAt: number;

  constructor(limits: UserLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
    this.#remaining = limits.bytesPerSecondPerUser;
    this.#filledAt = clock();
  }

  /** Room for so many bytes of output; false at the user's share. What is taken is given back. */
  reserve(size: number): boolean {
    if (this.#unsent + size > this.#limits.unsentBytesPerUser) return false;
    this.#unsent += size;
    return true;
  }

  unreserve(size: number): void {
    this.#unsent -= size;
  }

  /** False at the limit, and `endFresh` does not follow. */
  beginPredictionResistance(): boolean {
    if (this.#predictionResistant >= this.#limits.predictionResistanceRequestsPerUser) return false;
    this.#predictionResistant++;
    return true;
  }

  endPredictionResistance(): void {
    this.#predictionResistant--;
  }

  /**
   * Bytes that may be asked for now. A request of any size is granted while there are any, and what
   * it takes beyond them is owed, so that the rate holds and no size is out of reach.
   */
  remainingBytes(): number {
    const rate = this.#limits.bytesPerSecondPerUser;
    if (rate === 0) return Number.POSITIVE_INFINITY;
    const now = this.#clock();
    const filled = this.#remaining + ((now - this.#filledAt) / 1000) * rate;
    this.#remaining = Math.min(rate, filled);
    this.#filledAt = now;
    return this.#remaining;
  }

  consume(size: number): void {
    if (this.#limits.bytesPerSecondPerUser > 0) this.#remaining -= size;
  }

  /** Whether nothing here would be missed: a new connection must not renew the allowance. */
  get idle(): boolean {
    return this.connections === 0 && this.remainingBytes() >= this.#limits.bytesPerSecondPerUser;
  }

  /** Of a request that `allowance` leaves no room for. */
  refusal(): EntropyError {
    const rate = this.#limits.bytesPerSecondPerUser;
    return new EntropyError('ERR_RATE', `more than ${rate} bytes a second for this user`);
  }
}

/** The users that are connected. */
export class Users {
  readonly #limits: UserLimits;
  readonly #clock: Clock;
  readonly #users = new Map<number, User>();

  constructor(limits: UserLimits, clock: Clock = () => performance.now()) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** The user of a new connection; undefined at the limit. `leave` follows. */
  enter(uid: number): User | undefined {
    const user = this.#users.get(uid) ?? new User(this.#limits, this.#clock);
    if (user.connections >= this.#limits.connectionsPerUser) return undefined;
    user.connections++;
    this.#users.set(uid, user);
    return user;
  }

  leave(user: User): void {
    user.connections--;
  }

  /** Forgets users who are idle; to be called now and then. */
  sweep(): void {
    for (const [uid, user] of this.#users) if (user.idle) this.#users.delete(uid);
  }
}

// Who is at the other end of a connection, by the kernel's word and never by the client's.

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
