/**
 * Hands connections to workers, one at a time to each, and to the one with the fewest. It counts those of
 * all workers, by client too, so that no limit is exceeded by any number of workers.
 */
import type { Socket } from 'node:net';
import type { Logger } from '../../apis/api.js';
import { WarningThrottle } from '../../common/log.js';
import type { GatewayLimits } from '../../config/config.js';
import { ClientCounts } from '../client-counts.js';
import type { GatewayCounters } from '../metrics.js';
import type { Transport } from '../request-head.js';

/** A worker, as it gets connections. */
export interface Receiver {
  /**
   * Sends a connection, of which nothing has been read. {@link Dispatcher.taken} follows it, and then
   * {@link Dispatcher.closed}.
   * @param isFull whether the worker has to end another one for it, or to refuse it
   */
  hand(id: number, socket: Socket, transport: Transport, isFull: boolean): void;
}

interface Connection {
  readonly id: number;
  readonly socket: Socket;
  readonly transport: Transport;
  readonly client: string | undefined;
}

interface Place {
  /** Sent, and not yet taken. */
  sent: Connection | undefined;
  /** What counts as the client of each of its connections, by their ids. */
  readonly open: Map<number, string | undefined>;
}

/** All connections of a gateway with workers. */
export class Dispatcher {
  readonly #limits: GatewayLimits;
  readonly #counters: GatewayCounters;
  readonly #warnings: WarningThrottle;
  readonly #clients: ClientCounts;
  readonly #places = new Map<Receiver, Place>();
  readonly #waiting: Connection[] = [];
  #lastId = 0;
  #onIdle = () => {};

  /** @param counters gets what no worker sees */
  constructor(limits: GatewayLimits, counters: GatewayCounters, log: Pick<Logger, 'warn'>) {
    this.#limits = limits;
    this.#counters = counters;
    this.#warnings = new WarningThrottle(log);
    this.#clients = new ClientCounts(limits);
  }

  /** Connections that workers have, or are about to have. */
  get size(): number {
    let size = 0;
    for (const { open } of this.#places.values()) size += open.size;
    return size;
  }

  /**
   * Takes in a new connection.
   * @param socket paused since it was accepted
   */
  accept(socket: Socket, transport: Transport): void {
    const client = this.#clients.clientOf(socket.remoteAddress);
    if (this.#clients.isFull(client)) {
      this.#refuse(socket, 'connections_per_address');
      return;
    }
    // While no worker takes any, no more than those of a whole gateway wait.
    if (this.#waiting.length >= this.#limits.connections) {
      this.#refuse(socket, 'connections');
      return;
    }
    this.#clients.opened(client);
    socket.on('error', () => {});
    this.#waiting.push({ id: ++this.#lastId, socket, transport, client });
    this.#pump();
  }

  /** Counts and logs that the system had no connection to give, such as EMFILE. */
  acceptFailed(address: string, { code = '', message }: NodeJS.ErrnoException): void {
    this.#counters.acceptErrors++;
    this.#warnings.warn('cannot accept a connection', code, { address, code, reason: message });
  }

  /** From now on a worker gets connections. */
  add(worker: Receiver): void {
    this.#places.set(worker, { sent: undefined, open: new Map() });
    this.#pump();
  }

  /** A worker is gone, and its connections with it; one that it had not taken goes to another. */
  remove(worker: Receiver): void {
    const place = this.#places.get(worker);
    if (place === undefined) return;
    this.#places.delete(worker);
    const { sent, open } = place;
    if (sent !== undefined) {
      open.delete(sent.id);
      this.#waiting.unshift(sent);
    }
    for (const client of open.values()) this.#clients.closed(client);
    this.#pump();
  }

  /** A worker has the connection that it was sent. */
  taken(worker: Receiver): void {
    const place = this.#places.get(worker);
    // This process's descriptor of it; the worker has its own.
    place?.sent?.socket.destroy();
    if (place !== undefined) place.sent = undefined;
    this.#pump();
  }

  /** A worker's connection has ended. */
  closed(worker: Receiver, id: number): void {
    const open = this.#places.get(worker)?.open;
    const client = open?.get(id);
    if (open?.delete(id)) this.#clients.closed(client);
  }

  /** Resolves when no connection waits for a worker to take it. */
  async idle(): Promise<void> {
    if (this.#isBusy)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
  }

  /** Ends connections that wait, and logs what is left to be told. */
  close(): void {
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
    for (const { sent } of this.#places.values()) sent?.socket.destroy();
    this.#warnings.close();
    this.#onIdle();
  }

  get #isBusy(): boolean {
    if (this.#waiting.length > 0) return true;
    for (const { sent } of this.#places.values()) if (sent !== undefined) return true;
    return false;
  }

  #pump(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const isFull = this.size >= this.#limits.connections;
      const found = this.#pick(isFull);
      if (found === undefined) return;
      const [worker, place] = found;
      this.#waiting.shift();
      // The last of those with as many.
      this.#places.delete(worker);
      this.#places.set(worker, place);
      const { id, socket, transport, client } = next;
      place.sent = next;
      place.open.set(id, client);
      worker.hand(id, socket, transport, isFull);
    }
    if (!this.#isBusy) this.#onIdle();
  }

  /** The free worker with the fewest connections; if one has to end for the newcomer, with the most. */
  #pick(isFull: boolean): [Receiver, Place] | undefined {
    let found: [Receiver, Place] | undefined;
    for (const each of this.#places) {
      const [, { sent, open }] = each;
      if (sent !== undefined) continue;
      const own = found?.[1].open.size ?? 0;
      if (found === undefined || (isFull ? open.size > own : open.size < own)) found = each;
    }
    return found;
  }

  #refuse(socket: Socket, limit: string): void {
    this.#counters.connectionsRefused++;
    this.#warnings.warn('connection refused', limit, { limit });
    socket.destroy();
  }
}
