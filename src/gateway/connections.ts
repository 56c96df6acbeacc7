/**
 * What clients may take of the gateway: connections, requests under way, and answers that they have not
 * read; each client, and all together. When nothing is left, a newcomer gets it from whoever gives least
 * back: the connection that has been silent longest, or the one with the most unread. Long because each
 * of these limits has to give back what the others count.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '../apis/api.js';
import { WarningThrottle } from '../common/log.js';
import type { GatewayLimits } from '../config/config.js';
import { ClientCounts } from './client-counts.js';
import type { EndReason, GatewayCounters } from './metrics.js';
import { parseByTurns } from './parser-input.js';

/** Pipelined requests begun in one turn of the event loop: others get in between. Ours; a turn takes 2 ms. */
const begunPerTurn = 16;

/** When a response counts as unread that waits on a stream; written at once, it leaves within 1 ms. Ours. */
const unreadMs = 100;

/** A request's place among those under way, until its response has left and its API has done its work. */
export class Slot {
  /** Whether there was no place left: the request is to be refused. */
  readonly isBusy: boolean;
  readonly #connection: Connection;
  readonly #hold: (connection: Connection, bytes: number) => void;
  readonly #receive: (slot: Slot, bytes: number) => void;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #listeners: (() => void)[] | undefined = [];
  #heldAt = 0;
  /** Bytes of its response, until they have left. */
  bytes = 0;
  /** Bytes that are kept of its request's body. */
  bodyBytes = 0;

  constructor(
    isBusy: boolean,
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    hold: (connection: Connection, bytes: number) => void,
    receive: (slot: Slot, bytes: number) => void,
  ) {
    this.isBusy = isBusy;
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    this.#hold = hold;
    this.#receive = receive;
  }

  /** Whether the request is there, to the end of its body. */
  get isWhole(): boolean {
    return this.#request.complete;
  }

  /** Whether its client has left the response unread: over HTTP/2 each stream has a window of its own. */
  get isUnread(): boolean {
    return this.#response.writableLength > 0 && performance.now() - this.#heldAt > unreadMs;
  }

  /** Whether the response has left, or nobody is there to read it. */
  get isGone(): boolean {
    return this.#listeners === undefined;
  }

  /** Counts memory for the request's body, before it is taken. */
  readonly receive = (bytes: number): void => {
    if (this.#listeners !== undefined) this.#receive(this, bytes);
  };

  /** Counts a response's body as unsent. Call it once, before it is handed to node:http. */
  hold(bytes: number): void {
    if (this.#listeners === undefined) return;
    this.bytes = bytes;
    this.#heldAt = performance.now();
    this.#hold(this.#connection, bytes);
  }

  /** Calls `listener` once the response has left or the connection is gone, also if that was before. */
  whenGone(listener: () => void): void {
    if (this.#listeners === undefined) listener();
    else this.#listeners.push(listener);
  }

  /** The response has left, or the connection is gone. */
  gone(): void {
    const listeners = this.#listeners ?? [];
    this.#listeners = undefined;
    for (const listener of listeners) listener();
  }
}

/** One client's connection. */
interface Connection {
  /** With TLS, the one that decrypts, once its handshake is done. */
  socket: Socket;
  /** What counts as one client; undefined: is not limited by its address. */
  readonly client: string | undefined;
  /** The number of its last request head, or of its arrival, among those of all connections. */
  lastHead: number;
  /** Requests under way. */
  readonly slots: Set<Slot>;
  /** Begin the requests that are parsed and not under way: one, while input is cut as it should be. */
  readonly waiting: Set<() => void>;
  unsentBytes: number;
  /** Its requests are streams, which wait for nothing but their own turn and their own window. */
  isHttp2: boolean;
}

/** Answers one request; resolves when the API has done its work and the response is handed over. */
export type Serve = (slot: Slot) => Promise<void>;

/** All connections of a gateway. */
export class Connections {
  readonly #limits: GatewayLimits;
  readonly #counters: GatewayCounters;
  readonly #warnings: WarningThrottle;
  readonly #open = new Set<Connection>();
  /** The same, by each socket: with TLS a connection has two. */
  readonly #bySocket = new WeakMap<Socket, Connection>();
  readonly #clients: ClientCounts;
  /** Connections with requests that wait and room for one: each begins one in its turn. */
  readonly #ready = new Set<Connection>();
  #isScheduled = false;
  #heads = 0;
  #onIdle = () => {};

  /** @param log is told, once a minute at most, which limit was reached */
  constructor(limits: GatewayLimits, counters: GatewayCounters, log: Pick<Logger, 'warn'>) {
    this.#limits = limits;
    this.#counters = counters;
    this.#warnings = new WarningThrottle(log);
    this.#clients = new ClientCounts(limits);
  }

  /**
   * Takes in a new connection. Beyond the limit of all, one that has no whole request under way is ended
   * for it: the one whose last request began longest ago.
   * @param secure whether a TLS handshake comes first; {@link secured} follows it
   * @param isFull whether the limit of all is reached; default: as these connections have it
   * @returns false: over a limit, and destroyed
   */
  accept(
    socket: Socket,
    secure = false,
    isFull = this.#open.size >= this.#limits.connections,
  ): boolean {
    const client = this.#clients.clientOf(socket.remoteAddress);
    if (this.#clients.isFull(client)) return this.#refuse(socket, 'connections_per_address');
    if (
      isFull &&
      !this.#end('silent', (connection) => (hasWhole(connection) ? 0 : age(connection))) &&
      !this.#endUnread()
    )
      return this.#refuse(socket, 'connections');
    const connection = this.#add(socket, client);
    if (!secure) this.#parse(connection);
    return true;
  }

  /** Takes over a connection that {@link accept} took in, when its TLS handshake is done. */
  secured(socket: Socket): void {
    const { remoteAddress, remotePort, localPort } = socket;
    for (const connection of this.#open) {
      const { socket: raw } = connection;
      if (
        raw.remotePort !== remotePort ||
        raw.localPort !== localPort ||
        raw.remoteAddress !== remoteAddress
      )
        continue;
      connection.socket = socket;
      this.#bySocket.set(socket, connection);
      this.#parse(connection);
      return;
    }
    // Its connection is gone.
    socket.destroy();
  }

  /** Counts and logs that the system had no connection to give, such as EMFILE. */
  acceptFailed(address: string, { code = '', message }: NodeJS.ErrnoException): void {
    this.#counters.acceptErrors++;
    this.#warnings.warn('cannot accept a connection', code, { address, code, reason: message });
  }

  /** Requests that one connection may have under way. */
  get requestsEach(): number {
    return this.#limits.requestsPerConnection;
  }

  /** Open now. */
  get size(): number {
    return this.#open.size;
  }

  /** Ends all of them. */
  destroy(): void {
    for (const { socket } of this.#open) socket.destroy();
  }

  /**
   * Has a request served: at once if it is its connection's only one. Pipelined ones take turns with those
   * of all connections, as long as theirs has room. While one waits, nothing more is parsed or read.
   */
  enter(request: IncomingMessage, response: ServerResponse, serve: Serve): void {
    const connection = this.#bySocket.get(request.socket);
    // It was ended while its input was parsed.
    if (connection === undefined || !this.#open.has(connection)) return;
    connection.lastHead = ++this.#heads;
    connection.isHttp2 = request.httpVersionMajor === 2;
    if (connection.slots.size + connection.waiting.size === 0) {
      this.#begin(connection, request, response, serve);
      return;
    }
    const begin = () => this.#begin(connection, request, response, serve);
    connection.waiting.add(begin);
    this.#counters.requestsWaiting++;
    // A stream that its client has reset.
    if (connection.isHttp2)
      response.once('close', () => {
        if (connection.waiting.delete(begin)) this.#counters.requestsWaiting--;
        this.#checkIdle();
      });
    this.#queue(connection);
  }

  /** Resolves when no request is under way. */
  async idle(): Promise<void> {
    if (this.#isBusy)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
  }

  get #isBusy(): boolean {
    return this.#counters.inFlight + this.#counters.requestsWaiting > 0;
  }

  #checkIdle(): void {
    if (!this.#isBusy) this.#onIdle();
  }

  /** Logs what is left to be told. */
  close(): void {
    this.#warnings.close();
  }

  #refuse(socket: Socket, limit: string): false {
    this.#counters.connectionsRefused++;
    this.#warnings.warn('connection refused', limit, { limit });
    socket.destroy();
    return false;
  }

  #add(socket: Socket, client: string | undefined): Connection {
    const connection: Connection = {
      socket,
      client,
      lastHead: ++this.#heads,
      slots: new Set(),
      waiting: new Set(),
      unsentBytes: 0,
      isHttp2: false,
    };
    this.#open.add(connection);
    this.#bySocket.set(socket, connection);
    this.#clients.opened(client);
    this.#counters.connections++;
    socket.once('close', () => this.#drop(connection));
    return connection;
  }

  #parse({ socket, waiting }: Connection): void {
    parseByTurns(socket, () => waiting.size > 0);
  }

  #hasRoom({ slots, unsentBytes }: Connection): boolean {
    const { requestsPerConnection, unsentBytesPerConnection } = this.#limits;
    return slots.size < requestsPerConnection && unsentBytes < unsentBytesPerConnection;
  }

  #begin(
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    serve: Serve,
  ): void {
    const isFull =
      this.#counters.inFlight >= this.#limits.requests && !this.#endUnread() && !this.#endPartial();
    const slot = new Slot(isFull, connection, request, response, this.#hold, this.#receive);
    connection.slots.add(slot);
    this.#counters.inFlight++;
    // The API may still be at work when the connection is gone, and the response on its way after that.
    let left = 2;
    const end = () => {
      if (--left > 0) return;
      this.#release(slot);
      this.#counters.inFlight--;
      // Only now: whoever resets streams makes no room for others by it.
      if (connection.slots.delete(slot)) this.#queue(connection);
      this.#checkIdle();
      this.#schedule();
    };
    slot.whenGone(end);
    response.once('close', () => {
      slot.gone();
      this.#leave(connection, slot);
    });
    void serve(slot).then(end);
  }

  readonly #hold = (connection: Connection, bytes: number): void => {
    connection.unsentBytes += bytes;
    this.#counters.unsentBytes += bytes;
    while (this.#counters.unsentBytes > this.#limits.unsentBytes && this.#endUnread());
  };

  readonly #receive = (slot: Slot, bytes: number): void => {
    slot.bodyBytes += bytes;
    this.#counters.bodyBytes += bytes;
    while (this.#counters.bodyBytes > this.#limits.bodyBytes && this.#endLargest());
  };

  #release(slot: Slot): void {
    this.#counters.bodyBytes -= slot.bodyBytes;
    slot.bodyBytes = 0;
  }

  /** A response has left. */
  #leave(connection: Connection, slot: Slot): void {
    if (!this.#open.has(connection)) return;
    connection.unsentBytes -= slot.bytes;
    this.#counters.unsentBytes -= slot.bytes;
    this.#queue(connection);
  }

  #queue(connection: Connection): void {
    if (connection.waiting.size === 0 || !this.#hasRoom(connection)) return;
    this.#ready.add(connection);
    this.#schedule();
  }

  /** Whether pipelined requests may begin: they leave half of all places to connections' only requests. */
  get #mayPipeline(): boolean {
    return this.#counters.inFlight < Math.ceil(this.#limits.requests / 2) || this.#endUnread();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#ready.size === 0) return;
    this.#isScheduled = true;
    setImmediate(this.#takeTurns);
  }

  readonly #takeTurns = (): void => {
    this.#isScheduled = false;
    let left = begunPerTurn;
    for (const connection of this.#ready) {
      if (left-- === 0) break;
      if (!this.#mayPipeline) return; // until a request has ended
      this.#ready.delete(connection);
      const [begin] = this.#hasRoom(connection) ? connection.waiting : [];
      if (begin === undefined) continue;
      connection.waiting.delete(begin);
      this.#counters.requestsWaiting--;
      begin();
      // Its next request goes behind all the others.
      if (connection.waiting.size > 0) this.#queue(connection);
      else if (!connection.isHttp2) connection.socket.resume();
    }
    this.#schedule();
  };

  /** Ends the connection whose client has left the most unread of what the kernel would not take. */
  #endUnread(): boolean {
    return this.#end('unread', (connection) =>
      connection.unsentBytes > 0 && isUnread(connection) ? connection.unsentBytes : 0,
    );
  }

  /** Ends the connection whose request has taken longest to arrive. */
  #endPartial(): boolean {
    return this.#end('silent', (connection) => (hasPartial(connection) ? age(connection) : 0));
  }

  /** Ends the connection that has sent the most of a request that is not whole. */
  #endLargest(): boolean {
    return this.#end('body', (connection) => {
      let bytes = 0;
      if (hasPartial(connection)) for (const slot of connection.slots) bytes += slot.bodyBytes;
      return bytes;
    });
  }

  /**
   * Ends the connection with the highest score.
   * @returns false: every score is 0
   */
  #end(reason: EndReason, score: (connection: Connection) => number): boolean {
    let highest = 0;
    let found: Connection | undefined;
    for (const connection of this.#open) {
      const own = score(connection);
      if (own > highest) [highest, found] = [own, connection];
    }
    if (found === undefined) return false;
    this.#counters.connectionsEnded[reason]++;
    this.#warnings.warn('connection ended to make room', reason, { reason });
    found.socket.destroy();
    this.#drop(found);
    return true;
  }

  /** The connection is gone, and everything that it held is free. */
  #drop(connection: Connection): void {
    const { client, slots, unsentBytes } = connection;
    if (!this.#open.delete(connection)) return;
    this.#clients.closed(client);
    this.#counters.requestsWaiting -= connection.waiting.size;
    connection.waiting.clear();
    this.#counters.unsentBytes -= unsentBytes;
    this.#ready.delete(connection);
    const left = [...slots];
    slots.clear();
    for (const slot of left) {
      this.#release(slot);
      slot.gone();
    }
    this.#checkIdle();
  }
}

/** Whether one of its requests waits for the gateway, not for its client. */
function hasWhole({ slots, waiting }: Connection): boolean {
  if (waiting.size > 0) return true;
  for (const slot of slots) if (slot.isWhole) return true;
  return false;
}

/**
 * Whether one waits for its client, and no other for the gateway: over HTTP/2 a client could otherwise keep
 * any number behind one that is whole.
 */
function hasPartial(connection: Connection): boolean {
  if (!connection.isHttp2) return connection.slots.size > 0 && !hasWhole(connection);
  for (const slot of connection.slots) if (!slot.isWhole) return true;
  return false;
}

/** Whether its client reads nothing. */
function isUnread({ socket, slots, isHttp2 }: Connection): boolean {
  if (socket.writableLength > 0) return true;
  if (isHttp2) for (const slot of slots) if (slot.isUnread) return true;
  return false;
}

/** The higher, the longer ago its last request began. */
function age({ lastHead }: Connection): number {
  return Number.MAX_SAFE_INTEGER - lastHead;
}
