/** Whether a server of this process still does anything with what it is sent, as a client sees it. */
import { createConnection, type NetConnectOpts } from 'node:net';

/**
 * Connects, sends a request, and waits for anything to happen. A refusal is an answer. So is a
 * connection that ends, and one that cannot be had: a socket file that somebody removed or locked
 * away is no reason to end a process that serves others.
 * @param to the server's own address
 * @param request whole, so that an answer is due
 * @param timeoutMs to connect and to answer
 * @returns false where nothing happened in time
 */
export function answers(
  to: NetConnectOpts,
  request: Uint8Array | string,
  timeoutMs: number,
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(to);
    const settle = (answered: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answered);
    };
    const timer = setTimeout(settle, timeoutMs, false);
    for (const event of ['data', 'error', 'close']) socket.on(event, () => settle(true));
    socket.write(request);
  });
}
