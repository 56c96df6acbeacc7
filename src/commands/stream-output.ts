/** Output that goes out as it comes: standard output, pipes, terminals, devices. */
import { constants, open } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Output } from './output.js';

/** How often a FIFO is looked at that nobody reads yet. */
const pollMs = 50;

/** Over a stream, which ends with it unless it is the process's own. */
export class StreamOutput implements Output {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
    // Failures come through the writes' callbacks; without a listener the event would be thrown.
    stream.on('error', ignore);
  }

  write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(data, (error) => (error ? reject(error) : resolve()));
    });
  }

  async finish(): Promise<void> {
    if (!this.#isStandard()) await finished(this.#stream.end());
  }

  discard(): void {
    if (!this.#isStandard()) this.#stream.destroy();
  }

  #isStandard(): boolean {
    return this.#stream === process.stdout;
  }
}

function ignore(): void {}

/**
 * Opens a FIFO when somebody reads it. Nothing waits in the kernel: a thread that does could not be
 * ended by a signal's handler.
 */
export async function openFifo(path: string): Promise<Socket> {
  for (;;) {
    const descriptor = await promisify(open)(path, constants.O_WRONLY | constants.O_NONBLOCK).catch(
      (error: NodeJS.ErrnoException) => {
        // fifo(7): there is no reader.
        if (error.code === 'ENXIO') return undefined;
        throw error;
      },
    );
    if (descriptor !== undefined)
      return new Socket({ fd: descriptor, readable: false, writable: true });
    await setTimeout(pollMs);
  }
}
