/** A bounded server of HTTP or HTTPS: time, connections, header size; and JSON even for what is no HTTP. */
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
import type { Duplex } from 'node:stream';
import { lingerMs, malformedAnswer } from './answer.js';
import type { TlsContext } from './private-files.js';

/** What one client, or all of them together, may take. */
export interface HttpLimits {
  /**
   * From the connection, or the first byte of a further request, to the end of its headers. A TLS
   * handshake comes before that, and has as long.
   */
  readonly headersMs: number;
  /** The same to the end of the body. */
  readonly requestMs: number;
  /** Between requests; over a load balancer's or SDK's few seconds, so that the client closes first. */
  readonly keepAliveMs: number;
  /** Without any byte either way: a client that does not read its answers. */
  readonly silenceMs: number;
  /** How often the first two are looked at. */
  readonly checkMs: number;
  readonly headerBytes: number;
  readonly connections: number;
}

/** Ours; a signed request is 1 KiB and takes milliseconds. Headers: node's default, said aloud. */
export const httpLimits: HttpLimits = {
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 30_000,
  silenceMs: 60_000,
  checkMs: 5_000,
  headerBytes: 16 * 1024,
  connections: 1024,
};

/** node's codes for what it could not take as a request; anything else is 400. */
const statuses: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/**
 * A server.
 * @param handle answers requests; `Expect` is left to it
 * @param limits those of production unless a test needs shorter ones
 * @returns a server that is not yet listening
 */
export function createHttpServer(handle: RequestListener, limits = httpLimits): Server {
  return bounded(createServer(serverOptions(limits)), handle, limits);
}

/**
 * The same over TLS.
 * @param tls certificate and key; `setSecureContext` takes others, for new connections
 */
export function createHttpsServer(
  handle: RequestListener,
  tls: TlsContext,
  limits = httpLimits,
): TlsServer {
  const options = { ...serverOptions(limits), ...tls, handshakeTimeout: limits.headersMs };
  const server = createTlsServer(options);
  // node:https hands a failed handshake to `clientError`; nobody there could read an answer.
  server.removeAllListeners('tlsClientError');
  server.on('tlsClientError', (_, socket) => socket.destroy());
  return bounded(server, handle, limits);
}

function serverOptions(limits: HttpLimits): ServerOptions {
  return {
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: limits.checkMs,
    maxHeaderSize: limits.headerBytes,
    requireHostHeader: false, // its answer has no body: the handler looks at Host
  };
}

function bounded<S extends Server | TlsServer>(
  server: S,
  handle: RequestListener,
  limits: HttpLimits,
): S {
  server.timeout = limits.silenceMs;
  server.maxConnections = limits.connections;
  for (const event of ['request', 'checkContinue', 'checkExpectation'])
    server.on(event, note).on(event, handle);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET') socket.destroy();
    else refuse(statuses[String(error.code)] ?? 400, socket);
  });
  // Without a listener node:http closes without a word; with one it leaves the socket's errors to it.
  server.on('connect', (_, socket) => {
    socket.on('error', () => socket.destroy());
    refuse(405, socket);
  });
  return server;
}

/** The last two answers of a connection; those before them have been sent before them. */
interface Conversation {
  readonly previous: ServerResponse | undefined;
  readonly last: ServerResponse | undefined;
  readonly refused?: true;
}

const conversations = new WeakMap<Duplex, Conversation>();

function note({ socket }: IncomingMessage, last: ServerResponse): void {
  conversations.set(socket, { previous: conversations.get(socket)?.last, last });
}

/**
 * Answers what is no request, once and behind the answers that are still due: nobody is to take this
 * one for the answer to another request (RFC 9112 9.3.2). A request that broke off in its body has
 * been noted, and will have no other answer unless it had one before its end.
 */
function refuse(status: number, socket: Duplex): void {
  const { previous, last, refused } = conversations.get(socket) ?? {};
  if (refused) return; // node:http's parser says the same of each further piece
  conversations.set(socket, { previous, last, refused: true });
  const broken = last !== undefined && !last.req.complete;
  if (broken && last.headersSent) return;
  const before = broken ? previous : last;
  if (before === undefined || before.writableFinished) sendMalformed(status, socket);
  else before.once('close', () => sendMalformed(status, socket));
}

function sendMalformed(status: number, socket: Duplex): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const { headers, body } = malformedAnswer(status);
  const head = Object.entries({
    ...headers,
    Date: new Date().toUTCString(),
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${head.join('')}\r\n${body}`);
  // What the client still sends is dropped first, as in `send`: else RST could cost it the answer.
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(timer)).resume();
}
