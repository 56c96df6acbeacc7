/**
 * Reads all connections past node:net: one call from the addon for each turn of the event loop, one
 * buffer for all that was read, and sends that take no detour. A descriptor is all that it needs of
 * node:net's sockets.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { type Addon, type NativePoller, PollEvent, PollerEvent } from '../common/package.js';
import type { Limits } from '../config/config.js';
import type { ConnectionContext } from './context.js';
import { maxMembers } from './random-batch.js';
import { type ClientSocket, descriptor, type Receive, ReceiveBuffer } from './socket-input.js';

/** Bytes that are read before TypeScript is called for them: at least four reads. */
const inputSize = 256 * 1024;

/** Numbers of one event: descriptor, kind, size. */
const eventFields = 3;

type PollerAddon = Pick<Addon, 'Poller' | 'send'>;

type PollerContext = Pick<ConnectionContext, 'batch' | 'counters' | 'now'> & {
  readonly limits: Pick<Limits, 'spinUs'>;
};

/** What all sockets of a daemon have in common. */
export class Poller {
  readonly addon: PollerAddon;
  readonly native: NativePoller;
  readonly #context: PollerContext;
  readonly #input = new ReceiveBuffer(inputSize);
  readonly #events = new Int32Array(eventFields * maxMembers);
  /** By descriptor. */
  readonly #sockets: (PolledSocket | undefined)[] = [];

  constructor(addon: PollerAddon, context: PollerContext) {
    this.addon = addon;
    this.#context = context;
    const input = this.#input.bytes.subarray(0, inputSize);
    this.native = new addon.Poller(input, this.#events, (count) => this.#take(count));
  }

  /**
   * Takes over a connection that a server accepted with `pauseOnConnect`.
   * @param below descriptors from this number on are for others
   * @returns the half-open socket to use instead of `accepted`, paused; undefined if that has no
   *   descriptor, or there is none left
   */
  adopt(accepted: Socket, below = Number.POSITIVE_INFINITY): PolledSocket | undefined {
    const fd = this.native.open(descriptor(accepted) ?? -1);
    if (fd < 0) return undefined;
    if (fd >= below) {
      this.native.close(fd);
      return undefined;
    }
    accepted.destroy();
    const socket = new PolledSocket(this, fd);
    this.#sockets[fd] = socket;
    return socket;
  }

  /** @param socket is destroyed */
  remove({ fd }: PolledSocket): void {
    this.#sockets[fd] = undefined;
    this.native.close(fd);
  }

  /** Closes everything. */
  close(): void {
    for (const socket of this.#sockets) socket?.destroy();
    this.native.end();
  }

  /** @returns microseconds to spin: only while requests come in */
  #take(count: number): number {
    const { batch, counters, limits, now } = this.#context;
    const events = this.#events;
    const start = now();
    let reads = 0;
    if (count > 1) batch.begin();
    for (let i = 0; i < count * eventFields; i += eventFields) {
      const kind = events[i + 1] as number;
      // Undefined: another connection's event has ended this one.
      const socket = this.#sockets[events[i] as number];
      if (socket === undefined) continue;
      if (kind >= 0) {
        reads++;
        socket.receive(this.#input, kind, kind + (events[i + 2] as number));
      } else if (kind === PollerEvent.writable) socket.continueWriting();
      else if (kind === PollerEvent.end) socket.end();
      else socket.destroy();
    }
    if (count > 1) batch.end();
    if (reads === 0) return 0;
    const seconds = (now() - start) / 1000;
    for (; reads > 0; reads--) counters.served(seconds);
    return limits.spinUs;
  }
}

/** Bytes that the kernel has not taken, and whom to tell when it has. */
interface Unsent {
  readonly bytes: Uint8Array;
  at: number;
  readonly taken: (() => void) | undefined;
}

/** A connection that the poller reads; its events are those of node:net's sockets. */
export class PolledSocket extends EventEmitter implements ClientSocket {
  readonly #poller: Poller;
  /** Once `destroyed`, the number may be another file's. */
  readonly fd: number;
  /** Called for every read; set before `resume()`. */
  receive: Receive = () => {};
  destroyed = false;
  writableLength = 0;
  readonly #unsent: Unsent[] = [];
  #paused = true;
  #ended = false;
  #ending = false;
  #events = 0;

  /** @param fd its own descriptor, from `poller.native` */
  constructor(poller: Poller, fd: number) {
    super();
    this.#poller = poller;
    this.fd = fd;
  }

  isPaused(): boolean {
    return this.#paused;
  }

  pause(): void {
    this.#paused = true;
    this.#poll();
  }

  resume(): void {
    this.#paused = false;
    this.#poll();
  }

  /** The client has ended its side: there is nothing more to read. */
  end(): void {
    this.#ended = true;
    this.#events = 0; // the addon waits for nothing any more
    this.#poll();
    this.emit('end');
  }

  #poll(): void {
    const read = this.#paused || this.#ended ? 0 : PollEvent.readable;
    const events = read | (this.#unsent.length > 0 ? PollEvent.writable : 0);
    if (events === this.#events || this.destroyed) return;
    this.#events = events;
    this.#poller.native.poll(this.fd, events);
  }

  write(bytes: Uint8Array, taken?: () => void): void {
    const sent = this.#unsent.length > 0 ? 0 : this.#send(bytes, 0);
    if (this.destroyed || (sent === bytes.length && this.#unsent.length === 0)) {
      if (taken !== undefined) process.nextTick(taken);
      return;
    }
    this.#unsent.push({ bytes, at: sent, taken });
    this.writableLength += bytes.length - sent;
    this.#poll();
  }

  /** @returns bytes that the kernel has taken; 0 also if the connection is lost, which ends it */
  #send(bytes: Uint8Array, at: number): number {
    if (this.destroyed || at === bytes.length) return 0;
    const sent = this.#poller.addon.send(bytes, at, bytes.length - at, this.fd);
    if (sent < 0) this.destroy();
    return Math.max(0, sent);
  }

  /** The kernel takes bytes again. */
  continueWriting(): void {
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      const sent = this.#send(next.bytes, next.at);
      if (this.destroyed) return;
      next.at += sent;
      this.writableLength -= sent;
      if (next.at < next.bytes.length) return;
      this.#unsent.shift();
      next.taken?.();
      if (this.destroyed) return;
    }
    this.#poll();
    if (this.#ending) this.destroy();
  }

  destroySoon(): void {
    this.#ending = true;
    if (this.#unsent.length === 0) this.destroy();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#poller.remove(this);
    process.nextTick(() => {
      for (const { taken } of this.#unsent.splice(0)) taken?.();
      this.writableLength = 0;
      this.emit('close');
    });
  }
}
