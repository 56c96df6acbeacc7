/** Sends an answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from './route.js';

/** How long a client that is still sending its body may take to read the answer. */
const lingerMs = 1000;

/**
 * Sends an answer whole. Never a CORS header: web pages are not to read anything here.
 * @param request whose answer it is
 * @param response nothing sent yet
 * @param keepAlive whether the connection may carry another request; it does not when the body was
 *   not read to its end
 */
export function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  keepAlive: boolean,
): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    ...answer.headers,
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...(keepAlive && request.complete ? {} : { Connection: 'close' }),
  });
  if (request.complete) {
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
