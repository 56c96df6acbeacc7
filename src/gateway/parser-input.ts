/** What a connection's parser is given, and when: one request at a time, whatever a read brought. */
import type { Socket } from 'node:net';

/**
 * The empty line that ends a head (RFC 9112 2.1). node:http's parser takes no other, so input that is cut
 * behind each has one head at most.
 */
const headEnd = '\r\n\r\n';

/**
 * What a connection parses in its turn, bytes. Chunks of a body (RFC 9112 7.1) may have a byte each, and
 * node:http has an event for every one: 64 KiB of them take 30 ms.
 */
const turnBytes = 2048;

/** Sockets resumed in one turn of the event loop. Ours; with the worst input a turn takes some 10 ms. */
const resumedPerTurn = 8;

/** Sockets that have had their turn and have more: they are behind all others. */
const turns = new Set<Socket>();

/**
 * Stands between a socket and node:http's parser. Left alone, the parser takes all that a read brought, up
 * to 64 KiB: thousands of small requests or chunks before any other connection has its turn.
 * @param socket one that node:http has just taken over; over TLS the one that decrypts
 * @param mustWait whether a request of this connection has not begun: then the socket is paused, and who
 *   begins the request resumes it
 */
export function parseByTurns(socket: Socket, mustWait: () => boolean): void {
  const parsers = socket.listeners('data');
  socket.removeAllListeners('data');
  socket.on('data', (input: Buffer) => {
    let begin = 0;
    let left = turnBytes;
    // Behind CONNECT nobody listens: the parser is another connection's by then.
    while (begin < input.length && !socket.destroyed && socket.listenerCount('data') > 0) {
      const isOver = left <= 0 || turns.has(socket);
      if (isOver || mustWait() || takesNoMore(socket)) {
        if (isOver) queue(socket);
        socket.pause();
        // Back into the socket, so that its end comes after it.
        socket.unshift(input.subarray(begin));
        return;
      }
      const at = input.indexOf(headEnd, begin, 'latin1');
      const end = Math.min(at < 0 ? input.length : at + headEnd.length, begin + left);
      left -= end - begin;
      for (const parse of parsers) parse.call(socket, input.subarray(begin, end));
      begin = end;
    }
    if (mustWait()) socket.pause();
  });
}

function queue(socket: Socket): void {
  if (turns.size === 0) setImmediate(takeTurns);
  turns.add(socket);
}

function takeTurns(): void {
  let left = resumedPerTurn;
  for (const socket of turns) {
    if (left-- === 0) break;
    turns.delete(socket);
    // If it must wait for something else as well, it is paused again at once.
    socket.resume();
  }
  if (turns.size > 0) setImmediate(takeTurns);
}

/** Whether node:http has paused a socket because too much output waits. It resumes the socket itself. */
function takesNoMore(socket: Socket): boolean {
  return (socket as { _paused?: boolean })._paused === true;
}
