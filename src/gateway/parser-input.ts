/** What a connection's parser is given, and when: one request at a time, whatever a read brought. */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** What a client that speaks HTTP/2 sends first (RFC 9113 3.4). */
export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** node:http lets go of a connection for CONNECT alone, and wherever its parser is at its beginning. */
const letGo = Buffer.from('CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n');

/** Connections that began with the preface: CONNECT on them is {@link letGo}. */
const prefaced = new WeakSet<object>();

/** Whether the CONNECT that node:http has just reported is no client's: HTTP/2 takes the connection over. */
export function speaksHttp2(socket: object): boolean {
  return prefaced.has(socket);
}

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
  const parse = (input: Buffer): undefined => {
    for (const each of parsers) each.call(socket, input);
  };
  const { alpnProtocol } = socket as Partial<TLSSocket>;
  // Over TLS, ALPN says it (RFC 9113 3.2): what follows `h2` is not HTTP/1.1 if it is no preface either.
  if (alpnProtocol === undefined || alpnProtocol === 'h2')
    awaitPreface(socket, parse, mustWait, alpnProtocol === 'h2');
  else takeTurnsOn(socket, parse, mustWait, headEnd);
}

/** Holds input back while it may be HTTP/2's preface; node:http's limits on time hold meanwhile. */
function awaitPreface(
  socket: Socket,
  parse: (input: Buffer) => undefined,
  mustWait: () => boolean,
  isSure: boolean,
): void {
  let held: Buffer = Buffer.alloc(0);
  const give = () => {
    socket.off('data', take).off('end', give);
    takeTurnsOn(socket, parse, mustWait, headEnd);
    if (held.length > 0) socket.emit('data', held);
  };
  const take = (input: Buffer) => {
    held = held.length === 0 ? input : Buffer.concat([held, input]);
    const size = Math.min(held.length, preface.length);
    const isAlike = held.compare(preface, 0, size, 0, size) === 0;
    if (isAlike && size < preface.length) return;
    if (!isAlike && !isSure) return give();
    socket.off('data', take).off('end', give);
    prefaced.add(socket);
    parse(letGo);
    socket.emit('data', held);
  };
  socket.on('data', take).prependListener('end', give);
}

/**
 * Gives a socket's input to a parser by turns.
 * @param parse returns how much of it the parser has taken; undefined: all
 * @param mustWait whether the parser takes nothing now: then the socket is paused, and who changes that
 *   resumes it
 * @param end what the parser is given no more behind; undefined: it is cut anywhere
 */
export function takeTurnsOn(
  socket: Socket,
  parse: (input: Buffer) => number | undefined,
  mustWait: () => boolean,
  end?: string,
): void {
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
      const at = end === undefined ? -1 : input.indexOf(end, begin, 'latin1');
      const next = Math.min(at < 0 ? input.length : at + headEnd.length, begin + left);
      const taken = parse(input.subarray(begin, next)) ?? next - begin;
      left -= taken;
      begin += taken;
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
