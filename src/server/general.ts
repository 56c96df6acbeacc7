/** Messages of any shape but the fixed one: decoded, checked, answered. Loaded with the first. */

import { errorCode } from '../common/errors.js';
import { decodeRequest } from '../rpc/msgpack.js';
import { answer, randomRequest, refusal, type ServiceContext } from './methods.js';
import type { Peer } from './peer.js';

/** What becomes of a message, in its turn. */
export type Outcome =
  /** Sent; with `last`, the connection ends behind it. */
  | { kind: 'answer'; bytes: Uint8Array; last: boolean }
  /** Random bytes, which do not exist before they can be sent. */
  | { kind: 'random'; id: number; size: number; predictionResistance: boolean }
  | { kind: 'nothing' };

/**
 * Handles one whole message that the scanner accepted; never rejects.
 * @param message a copy of its own
 */
export async function handle(
  message: Uint8Array,
  context: ServiceContext,
  peer: Peer,
): Promise<Outcome> {
  let id = 0;
  try {
    const request = decodeRequest(message);
    if (request === undefined) return { kind: 'nothing' };
    id = request.id;
    context.counters.requests++;
    if (request.method === 'random')
      return { kind: 'random', id, ...randomRequest(request.params) };
    return { kind: 'answer', bytes: await answer(request, context, peer), last: false };
  } catch (error) {
    return refuse(id, error, context);
  }
}

/** Refuses requests whose bytes could not be had. */
export function refuseAll(
  ids: readonly number[],
  error: unknown,
  { counters }: ServiceContext,
): Outcome {
  const bytes = Buffer.concat(ids.map((id) => refusal(id, error, counters)));
  return { kind: 'answer', bytes, last: false };
}

/** Refuses a request; what is not a valid message ends the connection, for its end is not known. */
export function refuse(id: number, error: unknown, context: ServiceContext): Outcome {
  const code = errorCode(error);
  return {
    kind: 'answer',
    bytes: refusal(id, error, context.counters),
    last: code === 'ERR_MESSAGE' || code === 'ERR_TOO_LARGE',
  };
}
