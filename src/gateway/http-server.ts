/** HTTP(S) server with limits on time and sizes. Malformed input gets a JSON error too. */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { EntropyError } from '../common/errors.js';
import { lingerMs, type MalformedResponse, serverName, type TextResponse } from './answer.js';
import { createHttp2, type Http2Limits } from './http2-server.js';
import { speaksHttp2 } from './parser-input.js';
import type { TlsContext } from './tls-files.js';

/** What one client, or all of them together, may use. */
export interface HttpLimits extends Http2Limits {
  /** For a TLS handshake. */
  readonly handshakeMs: number;
  /**
   * From the connection or the end of the handshake, or the first byte of a further request, to the end
   * of its headers.
   */
  readonly headersMs: number;
  /** The same to the end of the body. */
  readonly requestMs: number;
  /** Between requests; above the few seconds of a load balancer or SDK, so that the client closes first. */
  readonly keepAliveMs: number;
  /** Without any byte either way: a client that does not read its responses. */
  readonly silenceMs: number;
  /** How often the times for headers and body are checked. */
  readonly checkMs: number;
  readonly headerBytes: number;
}

/** Ours; a signed request is 1 KiB and takes milliseconds. Headers: node's default, made explicit. */
export const httpLimits: HttpLimits = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 30_000,
  silenceMs: 60_000,
  checkMs: 5_000,
  headerBytes: 16 * 1024,
  streams: 16,
};

/** Statuses by node's codes for what it could not read as a request; any other is 400. */
const statuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/**
 * The status for what could not be read. node has one code for two faults: a coding that nobody here
 * knows, which is 501 (RFC 9112 6.1), and `chunked` anywhere but last, which is 400 (6.3).
 */
function statusOf({ code }: NodeJS.ErrnoException, socket: Duplex): number {
  const broken = conversations.get(socket)?.last?.req;
  const codings = broken?.complete === false ? broken.headers['transfer-encoding'] : undefined;
  if (code !== 'HPE_INVALID_TRANSFER_ENCODING' || codings === undefined)
    return statuses[String(code)] ?? 400;
  return /chunked/i.test(codings) ? 400 : 501;
}

/**
 * An HTTP server.
 * @param handle answers requests; `Expect` is left to it
 * @param malformed makes the responses to what is not a request
 * @param limits those of production unless a test needs shorter ones
 * @returns a server that is not yet listening
 */
export function createHttpServer(
  handle: RequestListener,
  malformed: MalformedResponse,
  limits = httpLimits,
): Server {
  return bounded(createServer(serverOptions(limits)), handle, malformed, limits);
}

/**
 * The same over TLS.
 * @param tls certificate and key; `setSecureContext` takes others, for new connections
 */
export function createHttpsServer(
  handle: RequestListener,
  malformed: MalformedResponse,
  tls: TlsContext,
  limits = httpLimits,
): TlsServer {
  const options = {
    ...serverOptions(limits),
    ...tls,
    handshakeTimeout: limits.handshakeMs,
    ALPNProtocols: ['h2', 'http/1.1'],
  };
  const server = createTlsServer(options);
  // node:https hands a failed handshake to `clientError`; nobody there could read an answer.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', (_, socket) => socket.destroy());
  return bounded(server, handle, malformed, limits);
}

function serverOptions(limits: HttpLimits): ServerOptions {
  return {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkMs,
    maxHeaderSize: limits.headerBytes,
    requireHostHeader: false, // node's own response has no body: the handler looks at Host
  };
}

function bounded<S extends Server | TlsServer>(
  server: S,
  handle: RequestListener,
  malformed: MalformedResponse,
  limits: HttpLimits,
): S {
  server.timeout = limits.silenceMs;
  // A client may end its side once it has asked (RFC 9112 9.6). @types/node does not have it.
  Object.assign(server, { httpAllowHalfOpen: true });
  for (const event of ['request', 'checkContinue', 'checkExpectation'])
    server.on(event, note).on(event, handle);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET') socket.destroy();
    else refuse(malformed(statusOf(error, socket)), socket);
  });
  // Without a listener node:http closes silently; with one, the socket's errors are the listener's.
  server.on('connect', (_, socket) => {
    socket.removeAllListeners('data'); // the parser is gone
    if (speaksHttp2(socket)) return serveHttp2(socket as Socket);
    socket.on('error', () => socket.destroy());
    refuse(malformed(405), socket);
  });
  const serveHttp2 = createHttp2(
    server,
    handle,
    (response, status) => refuseStream(response, malformed(status)),
    limits,
  );
  return server;
}

/** The same for a request over HTTP/2: it costs no other. */
function refuseStream(response: ServerResponse, answer: TextResponse): void {
  const { status, headers, body } = answer;
  if (!response.headersSent) {
    replaced.add(response);
    response.writeHead(status, Object.entries({ ...headers, Server: serverName }).flat());
  }
  response.end(body);
}

/** The last two responses of a connection; earlier ones have been sent before them. */
interface Conversation {
  readonly previous: ServerResponse | undefined;
  readonly last: ServerResponse | undefined;
  readonly refused?: true;
}

const conversations = new WeakMap<Duplex, Conversation>();

/** Responses whose request broke off: another has been made in their place. */
const replaced = new WeakSet<ServerResponse>();

/** Whether a response is not to be sent, because its request turned out to be none. */
export function isReplaced(response: ServerResponse): boolean {
  return replaced.has(response);
}

function note({ socket }: IncomingMessage, last: ServerResponse): void {
  conversations.set(socket, { previous: conversations.get(socket)?.last, last });
}

/**
 * Answers what is not a request, once and after the responses that are still due: nobody must take this
 * one for the response to another request (RFC 9112 9.3.2). A request that broke off in its body has
 * been noted, and gets no other response unless it had one before its end.
 */
function refuse(answer: TextResponse, socket: Duplex): void {
  const { previous, last, refused } = conversations.get(socket) ?? {};
  if (refused) return; // node:http's parser reports each further piece as well
  conversations.set(socket, { previous, last, refused: true });
  const broken = last !== undefined && !last.req.complete;
  if (broken && last.headersSent) return;
  if (broken) replaced.add(last);
  const before = broken ? previous : last;
  if (before === undefined || before.writableFinished) write(answer, socket);
  // Behind `Connection: close` nobody reads on.
  else if (!before.shouldKeepAlive) before.once('close', () => socket.destroy());
  // Before node:http itself, which may end the connection of a client that has ended its side.
  else before.prependOnceListener('finish', () => write(answer, socket));
}

function write({ status, headers, body }: TextResponse, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const head = Object.entries({
    ...headers,
    Server: serverName,
    Date: new Date().toUTCString(),
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${body}`);
  // What the client still sends is dropped first, as in `send`: otherwise RST could cost it the response.
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer)).resume();
}

/**
 * Reads a request's whole body. What comes beyond the limit is dropped as it arrives, never kept.
 * @param request its body not yet read
 * @param limitBytes the largest body to accept
 * @param invite called when the declared length is fit to be sent: answers `Expect: 100-continue`
 * @param receive told of memory for the body, before it is taken; may destroy the request
 * @returns the body, owned by the caller
 * @throws EntropyError `ERR_TOO_LARGE`; `ERR_CLOSED` when the client went away
 */
export function readBody(
  request: IncomingMessage,
  limitBytes: number,
  invite?: () => void,
  receive?: (bytes: number) => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // One buffer that doubles: a list of chunks would cost an object of ours for a client's every byte.
    let buffer = Buffer.alloc(0);
    let size = 0;
    const keep = (chunk: Buffer) => {
      const end = size + chunk.length;
      if (end > limitBytes) return refuse();
      if (end > buffer.length) {
        const length = Math.min(Math.max(end, 2 * buffer.length), limitBytes);
        receive?.(length - buffer.length);
        buffer = Buffer.concat([buffer], length);
      }
      chunk.copy(buffer, size);
      size = end;
    };
    const refuse = () => {
      request.off('data', keep).resume();
      reject(new EntropyError('ERR_TOO_LARGE', `the body is over ${limitBytes} bytes`));
    };
    let isWhole = false;
    const gone = (cause?: Error) => {
      // Every request closes; an error is made for one that has not ended only, because its stack costs.
      if (!isWhole) reject(new EntropyError('ERR_CLOSED', 'the client went away', { cause }));
    };
    request.once('error', gone).once('close', gone);
    // node:http2 reads a request to its end for which nobody has asked when its stream is closed.
    if (request.readableEnded) return gone();
    if (Number(request.headers['content-length']) > limitBytes) return refuse();
    request.on('data', keep);
    request.once('end', () => {
      isWhole = true;
      resolve(buffer.subarray(0, size));
    });
    invite?.();
  });
}
