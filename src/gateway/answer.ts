/** Sends an answer. */

import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Answer } from '../apis/api.js';

/** How long a client that is still sending may take to read the answer. */
export const lingerMs = 1000;

/**
 * Sends an answer. Never a CORS header: web pages are not to read anything here.
 * @param request whose answer it is
 * @param response nothing sent yet
 * @param keepAlive whether the connection may carry another request; it does not when the body was
 *   not read to its end
 * @returns resolves when a text has been handed over, or a stream has been sent to its end
 * @throws the stream's error: the connection has been cut, so that nobody takes a part for the whole;
 *   `ERR_STREAM_PREMATURE_CLOSE` of node:stream when the client went away
 */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  keepAlive: boolean,
): Promise<void> {
  const { body } = answer;
  if (typeof body === 'string') return sendText(request, response, { ...answer, body }, keepAlive);
  // RFC 9112 6.3: without either length, HTTP/1.0 ends a body by closing, as a cut does.
  if (request.httpVersion === '1.0' && answer.headers['content-length'] === undefined) {
    body.destroy();
    return sendText(request, response, malformedAnswer(505), false);
  }
  writeHead(request, response, answer, keepAlive);
  await pipeline(body, response);
}

function writeHead(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers }: Pick<Answer, 'status' | 'headers'>,
  keepAlive: boolean,
): void {
  response.writeHead(status, {
    ...headers,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(keepAlive && request.complete ? {} : { Connection: 'close' }),
  });
}

function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: Answer<string>,
  keepAlive: boolean,
): void {
  const all = { ...headers, 'Content-Length': String(Buffer.byteLength(body)) };
  writeHead(request, response, { status, headers: all }, keepAlive);
  if (request.complete) {
    // A text leaves with the head in one write, a buffer behind it in two.
    response.end(body);
    return;
  }
  // Ending closes the connection, and to close on unread bytes sends RST, which can cost the client
  // the answer (RFC 9112 9.6). So the rest of the body is dropped first, for a bounded time.
  response.write(body);
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  request.once('end', end).once('close', end).resume();
}

// The answer to bytes that are no HTTP request. Which API was meant is unknown, so the body has the
// members of all: boto needs `__type`, Huawei's SDKs read the flat ones, Vault's clients `errors`.
// HTML would break the SDKs.

/** [G] the number that Huawei's API gateway gives to all that it cannot take as a request. */
const unreadableCode = 'APIGW.0201';

/**
 * The answer.
 * @param status HTTP status; its reason phrase is the text
 * @returns a new answer with a request id of its own
 */
export function malformedAnswer(status: number): Answer<string> {
  const requestId = randomUUID();
  const text = STATUS_CODES[status] ?? '';
  return {
    status,
    headers: {
      'Content-Type': 'application/json',
      'x-amzn-RequestId': requestId,
      'x-request-id': requestId,
    },
    body: JSON.stringify({
      __type: 'SerializationException',
      message: text,
      error_code: unreadableCode,
      error_msg: text,
      request_id: requestId,
      errors: [text],
    }),
  };
}
