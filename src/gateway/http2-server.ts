/**
 * HTTP/2 (RFC 9113) on a connection of an HTTP server, whose handler gets each stream as a request of
 * node:http. Between socket and node:http2 is a {@link Wire}: input goes in by turns, and no byte of a
 * response stays behind in memory. Long because node:http2 differs from node:http in what it tells, and when.
 */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import {
  constants,
  createServer,
  type Http2Server,
  Http2ServerRequest,
  Http2ServerResponse,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { lingerMs } from './answer.js';
import { Frames } from './http2-frames.js';
import { preface, takeTurnsOn } from './parser-input.js';

/** What HTTP/2 needs of `HttpLimits`. */
export interface Http2Limits {
  /** For a head, or any other frame but a body's, from its first byte. */
  readonly headersMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  readonly silenceMs: number;
  readonly headerBytes: number;
  /** Streams of one connection at once. */
  readonly streams: number;
}

/** By each session its socket, as {@link Connections} know it. */
const sockets = new WeakMap<ServerHttp2Session, Socket>();

/** What ends each session of an HTTP server with its last stream. */
const finishers = new WeakMap<Server, Set<() => void>>();

/** A stream's request, in the terms of node:http. */
class Request extends Http2ServerRequest {
  override readonly socket;
  /** Without pseudo-header fields, and with Host: RFC 9113 8.3.1 has this for whoever speaks HTTP/1.1 behind. */
  override readonly headers: IncomingHttpHeaders;
  override readonly rawHeaders: string[] = [];
  /** Whether it is there to its end, read or not; node:http2 counts one that was reset as complete. */
  override complete: boolean;
  override aborted = false;
  headBytes = 0;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: object,
    rawHeaders: readonly string[],
  ) {
    super(stream, headers, options, rawHeaders);
    this.socket = sockets.get(stream.session as ServerHttp2Session) as Socket;
    this.complete = stream.endAfterHeaders;
    this.headers = {};
    this.on('error', () => {});
    for (const name in headers) if (!name.startsWith(':')) this.headers[name] = headers[name];
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const [name, value] = rawHeaders.slice(i, i + 2) as [string, string];
      this.headBytes += name.length + value.length;
      if (!name.startsWith(':')) this.rawHeaders.push(name, value);
      // One that differs stays beside it, and two are a fault.
      else if (name === ':authority' && headers.host !== value) {
        this.headers.host = value;
        this.rawHeaders.push('host', value);
      }
    }
  }

  /** node:http2 ends the body of a stream that was reset as if it were whole. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk === null && !this.complete) {
      this.aborted = this.stream.closed;
      this.complete = !this.aborted;
      if (this.aborted) this.emit('error', new Error('the stream was reset'));
    }
    return super.push(chunk, encoding);
  }
}

/** RFC 9113 8.2.2: node:http2 throws at some of them. */
const connectionFields = [
  ...['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade'],
];

/** Its response. */
class Response extends Http2ServerResponse<Request> {
  #hasTrailers = false;

  /** Puts off sending: without a body the head ends the stream, as gRPC's "Trailers-Only" has to. */
  override writeHead(status: number, fields?: unknown): this {
    if (fields === undefined) return super.writeHead(status);
    const list = fields as string[];
    this.statusCode = status;
    for (let i = 0; i < list.length; i += 2) {
      const [name, value] = list.slice(i, i + 2) as [string, string];
      if (!connectionFields.includes(name.toLowerCase())) this.setHeader(name, value);
    }
    return this;
  }

  override addTrailers(trailers: Readonly<Record<string, string>>): void {
    this.#hasTrailers = true;
    super.addTrailers(trailers);
  }

  override end(body?: unknown): this {
    const isEmpty = body === undefined || (body as string | Uint8Array).length === 0;
    if (isEmpty && !this.#hasTrailers) super.end();
    else super.end(isEmpty ? '' : (body as string));
    // RFC 9113 8.1: the rest of the request is not wanted.
    if (!this.req.complete) this.stream.close(constants.NGHTTP2_NO_ERROR);
    return this;
  }

  /** Never without an error: the client must not take what it has for the whole. */
  override destroy(error = new Error('the response was cut off')): this {
    super.destroy(error);
    return this;
  }
}

/**
 * What node:http2 takes for its socket. It gets copies of all that is sent, bodies included: they are
 * written in one piece, which node:tls encrypts where it is, and wiped.
 */
class Wire extends Duplex {
  readonly #socket: Socket;
  readonly #received = new Frames();
  /** By each stream, what ends it unless something of its body is sent. */
  readonly silent = new Map<number, NodeJS.Timeout>();
  readonly #sent = new Frames((stream) => this.silent.get(stream)?.refresh());
  readonly #slow: NodeJS.Timeout;
  /** Whether node:http2 has not taken the last input yet. */
  #isFull = false;
  /** Whether it gets none until it has sent what it has to say. */
  #isHeld = false;
  #onTaken = () => {};

  /** @param headersMs for a head */
  constructor(socket: Socket, headersMs: number) {
    // What node:http2 does not take is kept, a turn's worth, and it is asked for more when that is gone.
    super({ allowHalfOpen: true, readableHighWaterMark: 0 });
    this.#socket = socket;
    this.#slow = setTimeout(() => {
      if (this.#received.isOpen) socket.destroy();
    }, headersMs);
    socket
      .once('close', () => this.destroy())
      .once('end', () => {
        this.push(null);
        // node:http2 may leave a session open whose client has ended its side.
        const timer = setTimeout(() => socket.destroy(), lingerMs);
        socket.once('close', () => clearTimeout(timer));
      });
    // What comes after the last response is dropped.
    let bytes = preface.length;
    takeTurnsOn(
      socket,
      (input) => {
        const skipped = Math.min(bytes, input.length);
        bytes -= skipped;
        const taken = skipped + this.#follow(input.subarray(skipped));
        const isTaken = this.push(input.subarray(0, taken));
        this.#isFull = !isTaken && !this.writableEnded && !this.destroyed;
        // node:http2 closes the session for it.
        if (taken > skipped && this.#received.endsWithGoAway) this.whenTaken(() => {});
        return taken;
      },
      () => this.#isFull || this.#isHeld,
    );
  }

  #follow(input: Buffer): number {
    const { isOpen, whole } = this.#received;
    const taken = this.#received.read(input);
    // The time of what has begun now.
    if (!isOpen || whole !== this.#received.whole) this.#slow.refresh();
    return taken;
  }

  /**
   * Closes a session when node:http2 has taken all input, and gives it no more until its GOAWAY has left.
   * A stream that comes in between it refuses while nghttp2 reads it, which frees what nghttp2 goes on to
   * use: Node 20 does, and later ones without nodejs/node pull request 64166 (mid-2026).
   */
  whenTaken(close: () => void): void {
    const before = this.#onTaken;
    this.#isHeld = true;
    this.#onTaken = () => {
      before();
      close();
    };
    if (this.readableLength === 0) this.#taken();
  }

  #taken(): void {
    const act = this.#onTaken;
    this.#onTaken = () => {};
    act();
    // node:http2 sends in this phase of the event loop, before anything of JavaScript.
    setImmediate(() => {
      this.#isHeld = false;
      this.#socket.resume();
    });
  }

  override _read(): void {
    this.#isFull = false;
    if (this.#isHeld) this.#taken();
    else this.#socket.resume();
  }

  override _write(chunk: Buffer, _: string, done: (error?: Error | null) => void): void {
    for (let at = 0; at < chunk.length; ) at += this.#sent.read(chunk.subarray(at));
    this.#socket.write(chunk, (error) => {
      chunk.fill(0);
      done(error);
      // node:http2 reports some of the errors for which it sends this, and waits for the client.
      if (this.#sent.goAway !== 0) this.emit('failed');
    });
  }

  override _writev(parts: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const whole = Buffer.concat(parts.map(({ chunk }) => chunk));
    for (const { chunk } of parts) chunk.fill(0);
    this._write(whole, '', done);
  }

  /** A client may still be sending: RST could cost it the response, as in `send`. */
  override _final(done: () => void): void {
    const timer = setTimeout(() => this.#socket.destroy(), lingerMs);
    this.#socket.once('close', () => clearTimeout(timer)).end(done);
    this.#socket.resume();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#slow);
    if (!this.writableFinished) this.#socket.destroy();
    done(error);
  }
}

/** Speaks HTTP/2 on a connection whose input begins with the preface. */
export type ServeHttp2 = (socket: Socket) => void;

/**
 * HTTP/2 beside an HTTP server.
 * @param server whose connections they are
 * @param handle answers requests; `Expect` is left to it
 * @param refuse answers a request that no handler gets, or that did not arrive in time, if nothing was sent
 */
export function createHttp2(
  server: Server,
  handle: RequestListener,
  refuse: (response: ServerResponse, status: 408 | 431) => void,
  limits: Http2Limits,
): ServeHttp2 {
  const own = new Set<() => void>();
  finishers.set(server, own);

  function take(request: Request, response: Response): void {
    if (request.socket === undefined || request.stream.destroyed) return; // gone by now
    const like = [request as unknown as IncomingMessage, response as unknown] as [
      IncomingMessage,
      ServerResponse,
    ];
    const { stream } = request;
    // node:http2 itself tells nobody when a HEAD's stream closes before the response has begun.
    if (request.method === 'HEAD')
      stream.once('close', () => response.headersSent || response.emit('close'));
    if (!request.complete) {
      const timer = setTimeout(() => refuse(like[1], 408), limits.requestMs);
      const clear = () => clearTimeout(timer);
      request.once('end', clear);
      stream.once('close', clear);
    }
    // node:http2 resets such a stream, but only once the client has acknowledged the setting.
    if (request.headBytes > limits.headerBytes) refuse(like[1], 431);
    else handle(...(like as Parameters<RequestListener>));
  }

  const http2: Http2Server = createServer({
    ...{ Http2ServerRequest: Request as never, Http2ServerResponse: Response as never },
    settings: {
      maxConcurrentStreams: limits.streams,
      maxHeaderListSize: limits.headerBytes,
      enablePush: false,
    },
    // Fields of 32 bytes that count for a head's size (RFC 9113 6.5.2) and pseudo-header fields.
    maxHeaderListPairs: Math.ceil(limits.headerBytes / 32),
    maxSessionMemory,
    maxSessionInvalidFrames,
    maxSessionRejectedStreams: maxSessionInvalidFrames,
  });
  for (const event of ['request', 'checkContinue', 'checkExpectation', 'connect'])
    http2.on(event, take);

  return (socket) => {
    socket.on('error', () => socket.destroy());
    socket.setTimeout(limits.silenceMs, () => socket.destroy());
    const wire = new Wire(socket, limits.headersMs);
    http2.once('session', (session) => {
      sockets.set(session, socket);
      const finish = () => wire.whenTaken(() => session.close());
      own.add(finish);
      const timer = setTimeout(() => {
        if (wire.silent.size === 0) finish();
      }, limits.keepAliveMs);
      wire.once('failed', () => setImmediate(() => session.destroy()));
      session.on('stream', (stream) => {
        const id = stream.id as number;
        // Whatever other frames come and go. The timeouts of node:http2 count those.
        const cancel = () => stream.close(constants.NGHTTP2_CANCEL);
        wire.silent.set(id, setTimeout(cancel, limits.silenceMs));
        stream.once('close', () => {
          clearTimeout(wire.silent.get(id));
          wire.silent.delete(id);
          timer.refresh();
        });
      });
      session.once('close', () => {
        clearTimeout(timer);
        own.delete(finish);
      });
    });
    http2.emit('connection', wire);
  };
}

/** Mebibytes that node:http2 may keep of one session: responses that the client does not take are most of it. */
const maxSessionMemory = 10;

/** Frames at fault, and streams over the limit, before a session is ended. */
const maxSessionInvalidFrames = 100;

/** Begins no more streams on the connections of a server (GOAWAY), and ends each with its last one. */
export function finishSessions(server: Server): void {
  for (const finish of finishers.get(server) ?? []) finish();
}
