/** What the daemon answers to every method but the fixed form of `random`. */

import { EntropyError, errorCode } from '../common/errors.js';
import { decodeRequest, encodeError, encodeResult } from '../rpc/msgpack.js';
import {
  type DaemonStatus,
  maxRandomSize,
  protocolVersion,
  type Request,
} from '../rpc/protocol.js';
import type { Counters } from './activity.js';
import type { ServiceContext } from './context.js';
import { daemonMetrics } from './metrics.js';
import type { Peer } from './users.js';

/** A `random` that the connection serves in its turn. */
export interface RandomRequest {
  size: number;
  predictionResistance: boolean;
}

/** A name that a client sent, for a message to it. */
function shown(name: string): string {
  return JSON.stringify(name.slice(0, 32));
}

function checkedSize(size: unknown): number {
  if (Number.isInteger(size) && (size as number) >= 1 && (size as number) <= maxRandomSize)
    return size as number;
  throw new EntropyError('ERR_LENGTH', `size: want an integer of 1 to ${maxRandomSize} bytes`);
}

/** Checks `[n]` or `[n, {predictionResistance}]`. */
export function randomRequest(params: readonly unknown[]): RandomRequest {
  const [size, options = {}] = params;
  if (params.length === 0)
    throw new EntropyError('ERR_LENGTH', `size is missing: want 1 to ${maxRandomSize} bytes`);
  const wanted = checkedSize(size);
  if (params.length > 2) throw new EntropyError('ERR_PARAMS', 'random takes [size] or [size, map]');
  if (
    options === null ||
    typeof options !== 'object' ||
    Array.isArray(options) ||
    ArrayBuffer.isView(options)
  )
    throw new EntropyError('ERR_PARAMS', 'options: want a map');
  const { predictionResistance = false, ...unknown } = options as Record<string, unknown>;
  const name = Object.keys(unknown)[0];
  if (name !== undefined)
    throw new EntropyError('ERR_PARAMS', `options: ${shown(name)} is not known`);
  if (typeof predictionResistance !== 'boolean')
    throw new EntropyError('ERR_PARAMS', 'predictionResistance: want true or false');
  return { size: wanted, predictionResistance };
}

function health({ generator }: ServiceContext): unknown {
  const { state, healthy, reason, sources } = generator.status();
  return { state, healthy, reason, sources };
}

function status(context: ServiceContext): DaemonStatus {
  const { generator, counters, limits, version, startedAt, transitions } = context;
  return {
    ...generator.status(),
    version,
    uptimeSeconds: Math.floor((Date.now() - startedAt) / 1000),
    pid: process.pid,
    node: process.versions.node,
    openssl: process.versions.openssl,
    connections: counters.connectionsOpen,
    connectionsTotal: counters.connections,
    requests: counters.requests,
    randomBytes: counters.randomBytes,
    errors: Object.fromEntries(counters.errors),
    serving: counters.serving(),
    transitions: transitions.last,
    limits,
  };
}

function selftest({ generator }: ServiceContext): unknown {
  const passed = generator.selfTest();
  const { state, reason, sources } = generator.status();
  return { passed, state, reason, sources };
}

function reseed({ generator }: ServiceContext): unknown {
  generator.reseed();
  const { state, reason, reseeds } = generator.status();
  return { state, reason, reseeds };
}

/** Raw samples for assessment: `[source, n]`. */
async function noise({ generator }: ServiceContext, params: readonly unknown[]): Promise<unknown> {
  const [source, size] = params;
  if (params.length !== 2 || typeof source !== 'string')
    throw new EntropyError('ERR_PARAMS', 'noise takes [source, size]');
  return generator.noise(source, checkedSize(size));
}

type Method = (context: ServiceContext, params: readonly unknown[]) => unknown;

const methods: Record<string, Method> = {
  health,
  status,
  version: ({ version }) => ({ name: 'entropyd', version, protocol: protocolVersion }),
  metrics: daemonMetrics,
};

const adminMethods: Record<string, Method> = { selftest, reseed, noise };

const withParameters = new Set(['noise']);

async function call(request: Request, context: ServiceContext, peer: Peer): Promise<unknown> {
  const { method, params } = request;
  const table = Object.hasOwn(adminMethods, method) ? adminMethods : methods;
  if (!Object.hasOwn(table, method))
    throw new EntropyError('ERR_METHOD', `there is no method ${shown(method)}`);
  if (table === adminMethods && !peer.admin)
    throw new EntropyError(
      'ERR_FORBIDDEN',
      `${method} is for administrators on a socket of theirs`,
    );
  if (params.length > 0 && !withParameters.has(method))
    throw new EntropyError('ERR_PARAMS', `${method} takes no parameters`);
  return table[method]?.(context, params);
}

/**
 * Answers any method but `random`.
 * @returns the encoded answer, an error's where the request is refused; never rejects
 */
export async function respond(
  request: Request,
  context: ServiceContext,
  peer: Peer,
): Promise<Uint8Array> {
  try {
    return encodeResult(request.id, await call(request, context, peer));
  } catch (error) {
    return errorResponse(request.id, error, context.counters);
  }
}

/**
 * The answer to a request that is refused. What is not ours is told as `ERR_INTERNAL` without its
 * text, which may say more than a client should know.
 */
export function errorResponse(id: number, error: unknown, counters: Counters): Uint8Array {
  const code = errorCode(error);
  counters.error(code);
  const message = error instanceof EntropyError ? error.message : 'internal error';
  return encodeError(id, code, message);
}

// Messages of any shape but the fixed one: decoded, checked, answered. Loaded with the first.

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
    return { kind: 'answer', bytes: await respond(request, context, peer), last: false };
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
  const bytes = Buffer.concat(ids.map((id) => errorResponse(id, error, counters)));
  return { kind: 'answer', bytes, last: false };
}

/** Refuses a request; what is not a valid message ends the connection, for its end is not known. */
export function refuse(id: number, error: unknown, context: ServiceContext): Outcome {
  const code = errorCode(error);
  return {
    kind: 'answer',
    bytes: errorResponse(id, error, context.counters),
    last: code === 'ERR_MESSAGE' || code === 'ERR_TOO_LARGE',
  };
}
