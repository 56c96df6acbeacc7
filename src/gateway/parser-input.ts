/** What a connection's parser is given, and when: one request at a time, whatever a read brought. */
import type { Socket } from 'node:net';

/**
 * The empty line that ends a head (RFC 9112 2.1). node:http's parser takes no other, so input that is cut
 * behind each has one head at most.
 */
const headEnd = '\r\n\r\n';

/**
 * Stands between a socket and node:http's parser. Left alone, the parser takes all that a read brought, up
 * to 64 KiB: thousands of small requests before any other connection has its turn.
 * @param socket one that node:http has just taken over; over TLS the one that decrypts
 * @param mustWait whether a request of this connection has not begun: then the socket is paused, and who
 *   begins the request resumes it
 */
export function parseByTurns(socket: Socket, mustWait: () => boolean): void {
  const parsers = socket.listeners('data');
  socket.removeAllListeners('data');
  socket.on('data', (input: Buffer) => {
    let begin = 0;
    // Behind CONNECT nobody listens: the parser is another connection's by then.
    while (begin < input.length && !socket.destroyed && socket.listenerCount('data') > 0) {
      if (mustWait() || takesNoMore(socket)) {
        socket.pause();
        // Back into the socket, so that its end comes after it.
        socket.unshift(input.subarray(begin));
        return;
      }
      const at = input.indexOf(headEnd, begin, 'latin1');
      const end = at < 0 ? input.length : at + headEnd.length;
      for (const parse of parsers) parse.call(socket, input.subarray(begin, end));
      begin = end;
    }
    if (mustWait()) socket.pause();
  });
}

/** Whether node:http has paused a socket because too much output waits. It resumes the socket itself. */
function takesNoMore(socket: Socket): boolean {
  return (socket as { _paused?: boolean })._paused === true;
}
