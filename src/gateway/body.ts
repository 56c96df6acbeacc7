/** Reads a request's body, up to a limit. */
import type { IncomingMessage } from 'node:http';
import { EntropyError } from '../common/errors.js';

/**
 * Reads the whole body. What comes beyond the limit is dropped as it arrives, never kept.
 * @param request its body not yet read
 * @param limitBytes the largest body to take
 * @param invite called when the declared length is fit to be sent: answers `Expect: 100-continue`
 * @returns the body, owned by the caller
 * @throws EntropyError `ERR_TOO_LARGE`; `ERR_CLOSED` when the client went away
 */
export function readBody(
  request: IncomingMessage,
  limitBytes: number,
  invite?: () => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // One buffer that doubles: a list of chunks would cost a client's every byte an object of ours.
    let buffer = Buffer.alloc(0);
    let size = 0;
    const keep = (chunk: Buffer) => {
      const end = size + chunk.length;
      if (end > limitBytes) return refuse();
      if (end > buffer.length)
        buffer = Buffer.concat([buffer], Math.min(Math.max(end, 2 * buffer.length), limitBytes));
      chunk.copy(buffer, size);
      size = end;
    };
    const refuse = () => {
      request.off('data', keep).resume();
      reject(new EntropyError('ERR_TOO_LARGE', `the body is over ${limitBytes} bytes`));
    };
    request.once('error', (cause) =>
      reject(new EntropyError('ERR_CLOSED', 'the client went away', { cause })),
    );
    if (Number(request.headers['content-length']) > limitBytes) return refuse();
    request.on('data', keep);
    request.once('end', () => resolve(buffer.subarray(0, size)));
    invite?.();
  });
}
