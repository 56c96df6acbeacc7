/**
 * A request handler for the AWS SDK for JavaScript v3: serves GenerateRandom and GetRandomPassword from the
 * daemon's socket and passes everything else to the handler that it wraps.
 */
import { randomUUID } from 'node:crypto';
import * as kmsErrors from '../apis/aws-kms/errors.js';
import * as kms from '../apis/aws-kms/format.js';
import * as secretsErrors from '../apis/aws-secrets-manager/errors.js';
import * as secrets from '../apis/aws-secrets-manager/format.js';
import { drawPassword } from '../apis/aws-secrets-manager/password.js';
import { EntropyError } from '../common/errors.js';
import { type Client, connect } from './client.js';

const awsJson = 'application/x-amz-json-1.1';
const targetHeader = 'x-amz-target';

/** An operation that is served from the socket. */
interface Operation {
  readonly errors: typeof kmsErrors | typeof secretsErrors;
  /** Whether only the cloud's service can answer these members. */
  needsService(input: unknown): boolean;
  /** The body of a good response. @param random arrays are the caller's of it */
  answer(input: unknown, random: (size: number) => Promise<Uint8Array>): Promise<Buffer>;
}

/** By X-Amz-Target. */
const operations: ReadonlyMap<string | undefined, Operation> = new Map<string, Operation>([
  [
    'TrentService.GenerateRandom',
    {
      errors: kmsErrors,
      needsService: kms.needsKms,
      async answer(input, random) {
        const bytes = await random(kms.decodeRequest(input).size);
        try {
          return kms.encodeResponse(bytes);
        } finally {
          bytes.fill(0);
        }
      },
    },
  ],
  [
    'secretsmanager.GetRandomPassword',
    {
      errors: secretsErrors,
      needsService: () => false,
      async answer(input, random) {
        const password = await drawPassword(secrets.decodeRequest(input), random);
        try {
          return secrets.encodeResponse(password);
        } finally {
          password.fill(0);
        }
      },
    },
  ],
]);

/** The fields of an SDK request that are read here; the wrapped handler gets all of it. */
export interface SdkRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A response as the SDK reads it. */
export interface SdkResponse {
  statusCode: number;
  headers: Record<string, string>;
  body?: unknown;
}

/** Options of one call. */
export interface SdkHandlerOptions {
  /** An AbortSignal, or the SDK's own older kind that only has `onabort`. */
  readonly abortSignal?: unknown;
  /** Milliseconds; 0: the client's timeout. */
  readonly requestTimeout?: number;
}

/** Any handler of the SDK, such as its NodeHttpHandler; `never` accepts any handler's parameters. */
export interface WrappedHandler {
  readonly metadata?: { handlerProtocol: string };
  handle(request: never, options?: never): Promise<{ response: SdkResponse }>;
  destroy?(): void;
  updateHttpClientConfig?(key: never, value: never): void;
  httpHandlerConfigs?(): object;
}

/** A handler of the SDK, returned by {@link createRequestHandler}. */
export interface RequestHandler {
  readonly metadata: { handlerProtocol: string };
  handle(request: SdkRequest, options?: SdkHandlerOptions): Promise<{ response: SdkResponse }>;
  destroy(): void;
  updateHttpClientConfig(key: never, value: never): void;
  httpHandlerConfigs(): object;
}

/** Options of {@link createRequestHandler}. */
export interface RequestHandlerOptions {
  /**
   * Gets every other request, and is destroyed with this handler. A client of the SDK has its own in
   * `client.config.requestHandler`. Without one, other requests are rejected with `ERR_CONFIG`.
   */
  readonly handler?: WrappedHandler | undefined;
  /** Source of the bytes; stays the caller's. Default: the handler's own client. */
  readonly client?: Pick<Client, 'random'> | undefined;
  /** The daemon's socket, for the handler's own client. Default: as for `connect`. */
  readonly socketPath?: string | undefined;
}

/**
 * A request handler for any client of the SDK. KMS GenerateRandom and Secrets Manager GetRandomPassword
 * are served from the daemon's socket; GenerateRandom with `CustomKeyStoreId` or `Recipient` is passed on
 * like every other operation. The SDK signs every request and needs credentials for that; they are not
 * checked here.
 * @returns a handler for a client's `requestHandler`. The client calls `destroy()`, which destroys
 *   the wrapped handler and closes the handler's own connection. `handle` throws what the wrapped
 *   handler throws, and an AbortError if the signal is aborted; failures of the daemon are responses
 *   of the service, which the SDK retries by its own rules
 */
export function createRequestHandler({
  handler,
  client,
  socketPath,
}: RequestHandlerOptions = {}): RequestHandler {
  const own =
    client === undefined ? connect(socketPath === undefined ? {} : { socketPath }) : undefined;
  const source = client ?? (own as Client);

  async function passOn(request: SdkRequest, options: SdkHandlerOptions) {
    if (handler !== undefined) return handler.handle(request as never, options as never);
    const operation = headerOf(request, targetHeader) ?? request.method;
    throw new EntropyError(
      'ERR_CONFIG',
      `${operation}: only GenerateRandom and GetRandomPassword are served here; pass createRequestHandler a handler for other requests`,
    );
  }

  async function serve(
    { answer, errors }: Operation,
    input: unknown,
    { abortSignal, requestTimeout }: SdkHandlerOptions,
  ): Promise<{ response: SdkResponse }> {
    const requestId = randomUUID();
    const signal = toSignal(abortSignal);
    const draw = (size: number) =>
      source.random(size, {
        ...(signal && { signal }),
        ...(requestTimeout && { timeoutMs: requestTimeout }),
      });
    try {
      signal?.throwIfAborted();
      // The body is the SDK's, which does not say when it has read it.
      return respond(200, await answer(input, draw), requestId);
    } catch (error) {
      if (signal?.aborted) throw abortError(signal.reason);
      const failure = errors.toServiceError(error);
      const body = Buffer.from(JSON.stringify(errors.encodeError(failure)));
      return respond(failure.status, body, requestId);
    }
  }

  return {
    metadata: handler?.metadata ?? { handlerProtocol: 'http/1.1' },
    async handle(request, options = {}) {
      const operation = operationOf(request);
      const text = operation && textOf(request.body);
      if (text === undefined) return passOn(request, options);
      const input = parseJson(text);
      if (handler !== undefined && operation?.needsService(input)) return passOn(request, options);
      return serve(operation as Operation, input, options);
    },
    updateHttpClientConfig: (key, value) => handler?.updateHttpClientConfig?.(key, value),
    httpHandlerConfigs: () => handler?.httpHandlerConfigs?.() ?? {},
    destroy() {
      handler?.destroy?.();
      void own?.close();
    },
  };
}

/** undefined: not served here. */
function operationOf(request: SdkRequest): Operation | undefined {
  return request.method === 'POST' ? operations.get(headerOf(request, targetHeader)) : undefined;
}

/** Names are in lower case unless a middleware of the user writes them otherwise. */
function headerOf({ headers }: SdkRequest, name: string): string | undefined {
  const key = Object.keys(headers).find((key) => key.toLowerCase() === name);
  return key === undefined ? undefined : headers[key];
}

/** The SDK passes bytes or text for these operations; undefined: a body that only it can read. */
function textOf(body: unknown): string | undefined {
  if (body == null) return '';
  if (typeof body === 'string') return body;
  if (ArrayBuffer.isView(body))
    return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
  return body instanceof ArrayBuffer ? Buffer.from(body).toString() : undefined;
}

/** @returns undefined, which is not a valid request, if the text is not JSON */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toSignal(signal: unknown): AbortSignal | undefined {
  if (signal == null) return undefined;
  const old = signal as { aborted?: boolean; onabort?: () => void };
  if ('addEventListener' in old) return signal as AbortSignal;
  const controller = new AbortController();
  if (old.aborted) controller.abort();
  else old.onabort = () => controller.abort();
  return controller.signal;
}

/** As the SDK's own handlers throw it: recognized by its name, with the reason as cause. */
function abortError(cause: unknown): Error {
  const error = new Error('Request aborted', { cause });
  error.name = 'AbortError';
  return error;
}

function respond(status: number, body: Buffer, requestId: string): { response: SdkResponse } {
  const headers = {
    'content-type': awsJson,
    'content-length': String(body.length),
    date: new Date().toUTCString(),
    'x-amzn-requestid': requestId,
  };
  return { response: { statusCode: status, headers, body } };
}
