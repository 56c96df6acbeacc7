/** Sends responses, and makes those that no API makes: to input that is not a request. */
import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Api, ApiResponse } from '../apis/api.js';

/** How long a client that is still sending may take to read the response. */
export const lingerMs = 1000;

/** A response whose body is a text. */
export type TextResponse = ApiResponse & { readonly body: string };

/**
 * Makes the response to what is not a request of any API, for an HTTP status whose reason phrase is
 * its text; it gets a request id of its own.
 */
export type MalformedResponse = (status: number) => TextResponse;

/**
 * Which API was meant is unknown, so the body has the members that the clients of each one read; HTML
 * would break their SDKs.
 * @param apis in the order in which a member is theirs
 */
export function createMalformedResponse(apis: readonly Api[]): MalformedResponse {
  return (status) => {
    const id = randomUUID();
    const text = STATUS_CODES[status] ?? '';
    const parts = apis.map((api) => api.malformed?.(text, id));
    return {
      status,
      headers: firstOfEach([
        { 'Content-Type': 'application/json' },
        ...parts.map((part) => part?.headers ?? {}),
      ]),
      body: JSON.stringify(firstOfEach(parts.map((part) => part?.members ?? {}))),
    };
  };
}

/** The members of all objects; of members with the same name the first. */
function firstOfEach(objects: readonly object[]): Record<string, string> {
  const all: Record<string, string> = {};
  for (const each of objects)
    for (const [name, value] of Object.entries(each)) if (!(name in all)) all[name] = value;
  return all;
}

/** How a response is sent. */
export interface Sending {
  /** Whether the connection may carry another request; it does not if the body was not read to its end. */
  readonly keepAlive: boolean;
  readonly malformed: MalformedResponse;
  /** Called with the size of a body that is not a stream, before it is handed to node:http. */
  hold(bytes: number): void;
}

/**
 * Sends a response. Never a CORS header: web pages must not read anything here.
 * @param request that it answers
 * @param response nothing sent yet
 * @returns resolves when a text or bytes have been handed over, or a stream has been sent to its end
 * @throws the stream's error: the connection has been cut, so that nobody takes a part for the whole;
 *   `ERR_STREAM_PREMATURE_CLOSE` of node:stream when the client went away
 */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: ApiResponse,
  { keepAlive, malformed, hold }: Sending,
): Promise<void> {
  const { body } = answer;
  if (!(body instanceof Readable))
    return sendWhole(request, response, answer, body, keepAlive, hold);
  // RFC 9112 6.3: without either length, HTTP/1.0 ends a body by closing, as a cut does. 204 has no body.
  const isEndless = answer.status !== 204 && answer.headers['content-length'] === undefined;
  if (request.httpVersion === '1.0' && isEndless) {
    body.destroy();
    const refusal = malformed(505);
    return sendWhole(request, response, refusal, refusal.body, false, hold);
  }
  response.writeHead(answer.status, headersOf(answer, keepAlive && request.complete));
  if (answer.trailers !== undefined) response.addTrailers(answer.trailers);
  await pipeline(body, response);
}

/** `Server` of every response that is made here: tells whoever expected somebody else who answered. */
export const serverName = 'entropyd';

/** Hot path: a flat list of names and values, which node:http writes without building an object. */
function headersOf({ headers, trailers }: ApiResponse, keepAlive: boolean): string[] {
  const all: string[] = [];
  for (const name in headers) all.push(name, headers[name] as string);
  // A response that was passed on keeps the name of the server that made it, if any.
  if (headers.via === undefined) all.push('Server', serverName);
  if (trailers !== undefined) all.push('Trailer', Object.keys(trailers).join(', '));
  if (headers['Cache-Control'] === undefined) all.push('Cache-Control', 'no-store');
  all.push('X-Content-Type-Options', 'nosniff');
  if (!keepAlive) all.push('Connection', 'close');
  return all;
}

function sendWhole(
  request: IncomingMessage,
  response: ServerResponse,
  answer: ApiResponse,
  body: string | Uint8Array,
  keepAlive: boolean,
  hold: (bytes: number) => void,
): void {
  const size = Buffer.byteLength(body);
  hold(size);
  const headers = headersOf(answer, keepAlive && request.complete);
  // RFC 9112 7.1.2: trailers follow a chunked body only. RFC 9110 8.6: no length with 204.
  if (answer.trailers === undefined && answer.status !== 204)
    headers.push('Content-Length', String(size));
  response.writeHead(answer.status, headers);
  if (answer.trailers !== undefined) response.addTrailers(answer.trailers);
  // A stream of HTTP/2 ends on its own, and what is written on it is wiped.
  const isHttp2 = request.httpVersionMajor === 2;
  if (request.complete || isHttp2) {
    if (typeof body === 'string' || isHttp2 || !('encrypted' in request.socket)) response.end(body);
    else endOverTls(response, body);
    return;
  }
  // Ending closes the connection, and to close on unread bytes sends RST, which can cost the client
  // the response (RFC 9112 9.6). So the rest of the body is dropped first, for a bounded time.
  response.write(body);
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  request.once('end', end).once('close', end).resume();
}

/**
 * Ends a response over TLS with bytes that will be wiped. node:http hands head and body to one write, and
 * node:tls copies the parts of a write into memory that nobody wipes before it encrypts them; a body of its
 * own write is encrypted where it is.
 */
function endOverTls(response: ServerResponse, body: Uint8Array): void {
  const end = () => {
    response.flushHeaders();
    response.end(body);
  };
  // Behind other responses of its connection; whatever it were given now would leave in one write.
  if (response.socket === null) response.once('socket', end);
  else end();
}
