/**
 * The byte socket: random bytes from the connection's start until the reader closes, as chargen sends
 * them (RFC 864). What the client sends is thrown away.
 */
import { ByteConnection, pageSize } from './byte-connection.js';
import type { ConnectionOptions } from './connection.js';
import type { ConnectionContext } from './context.js';

export class RawConnection extends ByteConnection {
  #sent = 0;

  constructor(options: ConnectionOptions, context: ConnectionContext) {
    super(options, context, context.counters.raw);
    context.counters.requests++;
    // The first page and the others are turns of their own: a client that ends its side at once, as
    // systemd does for LoadCredential=, gets that page alone.
    this.yieldTurn();
  }

  receive(): void {}

  finish(): void {
    this.end();
  }

  /** Whoever has just come still gets a page; the others end, even those who wait for more. */
  protected override end(): void {
    if (this.#sent >= pageSize) this.socket.destroySoon();
    else super.end();
  }

  /** Sends a page, unless the client or the daemon has ended the connection and one was sent. */
  protected take(): boolean {
    if (this.ending && this.#sent >= pageSize) return false;
    if (!this.hasTurn() || !this.send(pageSize)) return true;
    if (this.#sent === 0 && !this.blocked) this.yieldTurn();
    this.#sent += pageSize;
    return true;
  }
}
