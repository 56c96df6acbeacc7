/** More random bytes than one request gives: pieces of one array, a few of them under way at once. */
import type { Fill } from './client-options.js';
import { maxRandomSize } from './rpc/protocol.js';

/**
 * Fills an array of any size.
 * @param fill for one piece
 * @param maxUnderWay pieces at once, 1 or more
 * @throws the first failure, after all pieces under way have settled; `target` is zero then
 */
export async function fillPieces(
  target: Uint8Array,
  fill: Fill,
  maxUnderWay: number,
): Promise<void> {
  let at = 0;
  let failure: { reason: unknown } | undefined;
  const fillNext = async () => {
    while (failure === undefined && at < target.length) {
      const piece = target.subarray(at, at + maxRandomSize);
      at += piece.length;
      try {
        await fill(piece);
      } catch (reason) {
        failure ??= { reason };
      }
    }
  };
  await Promise.all(Array.from({ length: maxUnderWay }, fillNext));
  if (failure === undefined) return;
  target.fill(0);
  throw failure.reason;
}
