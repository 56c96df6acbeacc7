/**
 * Handles every request except fixed-layout `random`. Loaded when the first requests have been
 * answered, or by one that needs it before.
 */
import { EntropyError, errorCode } from '../common/errors.js';
import {
  decodeRequest,
  EncodedResult,
  encodeError,
  encodeResult,
  encodeResultHead,
} from '../rpc/msgpack.js';
import { maxRandomSize, protocolVersion, type Request, type Results } from '../rpc/protocol.js';
import type { Counters } from './activity.js';
import type { ServiceContext } from './context.js';
import { daemonMetrics } from './metrics.js';
import type { Peer } from './users.js';

/** The action that a message asks of its connection, in its turn. */
export type Outcome =
  /** Sends the parts one after another; with `last` the connection ends after them. */
  | { kind: 'response'; parts: readonly Uint8Array[]; last: boolean }
  /** Generates random bytes, which do not exist before they can be sent. */
  | { kind: 'random'; id: number; size: number; predictionResistance: boolean }
  | { kind: 'nothing' };

/**
 * Handles one whole message that the scanner accepted. Never rejects.
 * @param message bytes that nobody else changes
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
    return { kind: 'response', parts: await respond(request, context, peer), last: false };
  } catch (error) {
    return refuse(id, error, context);
  }
}

/** Refuses a request. An invalid message also ends the connection, because its end is unknown. */
export function refuse(id: number, error: unknown, context: ServiceContext): Outcome {
  const code = errorCode(error);
  return {
    kind: 'response',
    parts: [errorResponse(id, error, context.counters)],
    last: code === 'ERR_MESSAGE' || code === 'ERR_TOO_LARGE',
  };
}

/** Refuses several requests for the same reason. */
export function refuseAll(
  ids: readonly number[],
  error: unknown,
  { counters }: ServiceContext,
): Outcome {
  const bytes = Buffer.concat(ids.map((id) => errorResponse(id, error, counters)));
  return { kind: 'response', parts: [bytes], last: false };
}

/**
 * Encodes and counts a refusal. An error that is not an EntropyError becomes `ERR_INTERNAL` without
 * its message, which may say more than a client should know.
 */
export function errorResponse(id: number, error: unknown, counters: Counters): Uint8Array {
  const code = errorCode(error);
  counters.error(code);
  const message = error instanceof EntropyError ? error.message : 'internal error';
  return encodeError(id, code, message);
}

/**
 * Checks `[n]` or `[n, {predictionResistance}]`.
 * @throws EntropyError `ERR_LENGTH`, `ERR_PARAMS`
 */
export function randomRequest(params: readonly unknown[]): {
  size: number;
  predictionResistance: boolean;
} {
  const [wanted, options = {}] = params;
  if (params.length === 0)
    throw new EntropyError('ERR_LENGTH', `size is missing: want 1 to ${maxRandomSize} bytes`);
  const size = checkedSize(wanted);
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
  if (name !== undefined) throw new EntropyError('ERR_PARAMS', `unknown option ${printable(name)}`);
  if (typeof predictionResistance !== 'boolean')
    throw new EntropyError('ERR_PARAMS', 'predictionResistance: want true or false');
  return { size, predictionResistance };
}

function checkedSize(size: unknown): number {
  if (Number.isInteger(size) && (size as number) >= 1 && (size as number) <= maxRandomSize)
    return size as number;
  throw new EntropyError('ERR_LENGTH', `size: want an integer of 1 to ${maxRandomSize} bytes`);
}

/** A name that a client sent, shortened for an error message. */
function printable(name: string): string {
  return JSON.stringify(name.slice(0, 32));
}

/**
 * Answers any method but `random`.
 * @returns the encoded response in parts, an error's if the request is refused; never rejects
 */
export async function respond(
  request: Request,
  context: ServiceContext,
  peer: Peer,
): Promise<readonly Uint8Array[]> {
  const { id } = request;
  try {
    const result = await call(request, context, peer);
    if (result instanceof EncodedResult) return [encodeResultHead(id), result.bytes];
    return [encodeResult(id, result)];
  } catch (error) {
    return [errorResponse(id, error, context.counters)];
  }
}

/** Loads everything that a later request would load, so that none of them can fail to. */
export async function loadRest(context: ServiceContext): Promise<void> {
  new EncodedResult(await daemonMetrics(context));
}

/**
 * The page, made at most once a second: it takes a millisecond and more. One that shows another
 * state of the generator is not used.
 */
function metricsPage(context: ServiceContext): Promise<EncodedResult> {
  return context.metricsPage.get(
    context.generator.state(),
    async () => new EncodedResult(await daemonMetrics(context)),
  );
}

/** Encoded at most once in ten seconds: it is as large as a hundred kilobytes, and changes in minutes. */
function historyResult(context: ServiceContext): Promise<EncodedResult> {
  return context.historyPage.get(
    context.generator.state(),
    async () => new EncodedResult(JSON.stringify(context.history.result())),
  );
}

type Methods<Name extends keyof Results> = {
  readonly [Each in Name]: (
    context: ServiceContext,
    params: readonly unknown[],
  ) => Results[Each] | Promise<Results[Each] | EncodedResult>;
};

const methods: Methods<'health' | 'status' | 'version' | 'history' | 'metrics'> = {
  health({ generator }) {
    const { state, healthy, reason, sources } = generator.status();
    return { state, healthy, reason, sources };
  },
  status: ({ generator, counters, limits, version, startedAt, transitions, sockets }) => ({
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
    sockets: sockets.map((socket) => ({ ...socket })),
    limits,
  }),
  version: ({ version }) => ({ name: 'entropyd', version, protocol: protocolVersion }),
  history: historyResult,
  metrics: metricsPage,
};

const adminMethods: Methods<'selftest' | 'reseed' | 'noise'> = {
  async selftest({ generator }) {
    const passed = await generator.selfTest();
    const { state, reason, sources } = generator.status();
    return { passed, state, reason, sources };
  },
  reseed({ generator }) {
    generator.reseed();
    const { state, reason, reseeds } = generator.status();
    return { state, reason, reseeds };
  },
  noise({ generator }, params) {
    const [source, size] = params;
    if (params.length !== 2 || typeof source !== 'string')
      throw new EntropyError('ERR_PARAMS', 'noise takes [source, size]');
    return generator.noise(source, checkedSize(size));
  },
};

async function call(
  { method, params }: Request,
  context: ServiceContext,
  peer: Peer,
): Promise<unknown> {
  if (Object.hasOwn(methods, method)) {
    if (params.length > 0) throw noParameters(method);
    return methods[method as keyof typeof methods](context, params);
  }
  if (!Object.hasOwn(adminMethods, method))
    throw new EntropyError('ERR_METHOD', `there is no method ${printable(method)}`);
  if (!peer.admin)
    throw new EntropyError(
      'ERR_FORBIDDEN',
      `${method} is for administrators on a socket with admin = true`,
    );
  if (params.length > 0 && method !== 'noise') throw noParameters(method);
  return adminMethods[method as keyof typeof adminMethods](context, params);
}

function noParameters(method: string): EntropyError {
  return new EntropyError('ERR_PARAMS', `${method} takes no parameters`);
}
