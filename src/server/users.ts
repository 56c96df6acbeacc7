/** Peers, as the kernel identifies them, and the resources that each user of the host has in use. */
import type { Socket } from 'node:net';
import { EntropyError } from '../common/errors.js';
import type { Addon, PeerCredentials } from '../common/package.js';
import type { Limits } from '../config/config.js';
import type { Clock } from './activity.js';
import { descriptor } from './socket-input.js';

/** The other end of a connection. */
export interface Peer {
  /** -1 if unknown. */
  uid: number;
  /** Root, the daemon's own user, or a member of the administrators' group. */
  admin: boolean;
}

/** Without the addon all clients are one user, and none is an administrator. */
export const nobody: Peer = { uid: -1, admin: false };

/** Who is an administrator on a listener that has them. */
export interface AdminRule {
  /** The daemon's own user. */
  uid: number;
  /** Undefined: no group. */
  group: number | undefined;
}

/** Whether these credentials are an administrator's. */
export function isAdmin({ uid, gids }: PeerCredentials, rule: AdminRule): boolean {
  return uid === 0 || uid === rule.uid || (rule.group !== undefined && gids.includes(rule.group));
}

/**
 * Asks the kernel who is connected (SO_PEERCRED, SO_PEERGROUPS); the client has no say in it.
 * @param addon undefined: `nobody`
 * @param rule undefined: this listener has no administrators
 */
export function identify(
  socket: Socket,
  addon: Pick<Addon, 'peerCredentials'> | undefined,
  rule: AdminRule | undefined,
): Peer {
  const fd = descriptor(socket);
  if (addon === undefined || fd === undefined) return nobody;
  const credentials = addon.peerCredentials(fd);
  if (credentials === null) return nobody;
  return { uid: credentials.uid, admin: rule !== undefined && isAdmin(credentials, rule) };
}

/** Read at every use, so a reload takes effect for everyone; a lower limit only refuses new uses. */
export type UserLimits = Pick<
  Limits,
  | 'connectionsPerUser'
  | 'bytesPerSecondPerUser'
  | 'unsentBytesPerUser'
  | 'predictionResistanceRequestsPerUser'
>;

/** Who waits until a user may have bytes again. */
export interface Waiter {
  /** It may take some now; if it does not, it has to wait again. */
  resume(): void;
}

/** The resources that one user has in use, limited so that none can exhaust those of all. */
export class User {
  readonly #limits: UserLimits;
  readonly #now: Clock;
  connections = 0;
  #unsentBytes = 0;
  #predictionResistant = 0;
  /** For the rate or for the generator, the longest first. */
  readonly #waiting = new Set<Waiter>();
  /** Whose turn it is among those who waited. */
  #next: Waiter | undefined;
  /** Token bucket: bytes available at `#filledAt`, up to a second's worth; below 0 they are owed. */
  #remaining: number;
  #filledAt: number;

  constructor(limits: UserLimits, now: Clock) {
    this.#limits = limits;
    this.#now = now;
    this.#remaining = limits.bytesPerSecondPerUser;
    this.#filledAt = now();
  }

  /**
   * Reserves room for output.
   * @param size bytes
   * @returns false at the limit; otherwise `unreserve` must follow
   */
  reserve(size: number): boolean {
    if (this.#unsentBytes + size > this.#limits.unsentBytesPerUser) return false;
    this.#unsentBytes += size;
    return true;
  }

  unreserve(size: number): void {
    this.#unsentBytes -= size;
  }

  /** @returns false at the limit; otherwise `endPredictionResistance` must follow */
  beginPredictionResistance(): boolean {
    if (this.#predictionResistant >= this.#limits.predictionResistanceRequestsPerUser) return false;
    this.#predictionResistant++;
    return true;
  }

  endPredictionResistance(): void {
    this.#predictionResistant--;
  }

  /**
   * Random bytes that may be requested now. A request of any size is granted while any remain, and
   * the excess is owed: the rate holds on average, and no size is out of reach.
   */
  remainingBytes(): number {
    const rate = this.#limits.bytesPerSecondPerUser;
    if (rate === 0) return Number.POSITIVE_INFINITY;
    const now = this.#now();
    const filled = this.#remaining + ((now - this.#filledAt) / 1000) * rate;
    this.#remaining = Math.min(rate, filled);
    this.#filledAt = now;
    return this.#remaining;
  }

  /** Whether someone whom nothing can be refused may take bytes now: nobody has waited longer. */
  admits(waiter: Waiter): boolean {
    return (this.#waiting.size === 0 || waiter === this.#next) && this.remainingBytes() > 0;
  }

  /** Has `waiter` resumed after those who came before, within a second or so if there is something. */
  wait(waiter: Waiter): void {
    this.#waiting.add(waiter);
  }

  /** It waits no more. */
  forget(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  /** Resumes those who wait, as far as the rate allows. Call it about once a second. */
  resumeWaiting(): void {
    for (const waiter of [...this.#waiting]) {
      if (this.remainingBytes() <= 0) return;
      this.#waiting.delete(waiter);
      this.#next = waiter;
      waiter.resume();
      this.#next = undefined;
    }
  }

  /** Takes `size` bytes off what remains, which may go below 0. */
  consume(size: number): void {
    if (this.#limits.bytesPerSecondPerUser > 0) this.#remaining -= size;
  }

  /** Whether the user can be forgotten: reconnecting must not refill the bucket. */
  get idle(): boolean {
    return this.connections === 0 && this.remainingBytes() >= this.#limits.bytesPerSecondPerUser;
  }

  /** The error for a request that the rate does not allow. */
  rateError(): EntropyError {
    const rate = this.#limits.bytesPerSecondPerUser;
    return new EntropyError('ERR_RATE', `more than ${rate} bytes a second for this user`);
  }
}

/** The users who are connected, or were a moment ago. */
export class Users {
  readonly #limits: UserLimits;
  readonly #now: Clock;
  readonly #users = new Map<number, User>();

  constructor(limits: UserLimits, now: Clock) {
    this.#limits = limits;
    this.#now = now;
  }

  /** @returns the user of a new connection, whom `leave` must follow; undefined at the limit */
  enter(uid: number): User | undefined {
    const user = this.#users.get(uid) ?? new User(this.#limits, this.#now);
    if (user.connections >= this.#limits.connectionsPerUser) return undefined;
    user.connections++;
    this.#users.set(uid, user);
    return user;
  }

  leave(user: User): void {
    user.connections--;
  }

  /** Resumes who waits, and forgets idle users. Call it about once a second. */
  sweep(): void {
    for (const [uid, user] of this.#users) {
      user.resumeWaiting();
      if (user.idle) this.#users.delete(uid);
    }
  }
}
