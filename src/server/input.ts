/** Bytes that a client sent, with the room behind them that the decoder of `random` may look into. */
import { requestSlack } from '../rpc/protocol.js';

export class Input {
  readonly bytes: Buffer;
  readonly view: DataView;

  /** @param size bytes of room */
  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size + requestSlack);
    this.view = new DataView(this.bytes.buffer);
  }

  /** A copy of `parts`, one behind the other. */
  static of(...parts: readonly Uint8Array[]): Input {
    const input = new Input(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
      input.bytes.set(part, at);
      at += part.length;
    }
    return input;
  }
}
