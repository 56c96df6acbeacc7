/**
 * One request to one response, in the order of `respond`: which API claims it, its body, whether it
 * comes from a web page, the API's answer; then audit line, counters, wiping, sending. Long because all
 * of it shares what is known about the request.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import type {
  Access,
  Api,
  ApiRequest,
  ApiResponse,
  AuditFields,
  Failure,
  Head,
  Logger,
  RandomSource,
  Services,
} from '../apis/api.js';
import { thrownBy } from '../apis/toolkit.js';
import { EntropyError, errorCode } from '../common/errors.js';
import { WarningThrottle } from '../common/log.js';
import { type MalformedResponse, send } from './answer.js';
import type { Audit } from './audit.js';
import { isFromWebPage } from './browser-guard.js';
import type { Connections, Slot } from './connections.js';
import { isReplaced, readBody } from './http-server.js';
import type { GatewayCounters } from './metrics.js';
import { headFault, headOf, type Transport } from './request-head.js';

/** An API under the name that audit log and metrics have for it; undefined: the pages for people. */
export interface Route {
  readonly name: string | undefined;
  readonly api: Api;
}

/** What requests are answered with. */
export interface RequestHandlerOptions {
  /** In the order in which equal claims win. */
  readonly routes: readonly Route[];
  readonly client: Pick<RandomSource, 'random' | 'health'>;
  readonly access: Access;
  /**
   * Gets a warning for the first response of status 500 and above of a kind, and then one a minute
   * with how many more there were.
   */
  readonly log: Logger;
  /**
   * Gets a line for each request to an API, before its response is sent. If it is required and fails,
   * the request is refused.
   */
  readonly audit?: Audit | undefined;
  readonly counters: GatewayCounters;
  /** Says when each request has its turn. */
  readonly connections: Pick<Connections, 'enter' | 'idle'>;
  /** For requests that no route claims. */
  readonly malformed: MalformedResponse;
}

/** Answers the requests of all listeners of one gateway. */
export interface RequestHandler {
  /** A listener for the events `request`, `checkContinue` and `checkExpectation`. */
  listener(transport: Transport): RequestListener;
  /** From now on a response ends its connection. Resolves when no request is under way. */
  finish(): Promise<void>;
}

/** Starts with no request in flight. */
export function createRequestHandler(options: RequestHandlerOptions): RequestHandler {
  const { routes, client, access, log, audit, counters, connections, malformed } = options;
  let finishing = false;
  // A daemon that is away fails every request: log neither a line for each, nor nothing.
  const failures = new WarningThrottle(log);

  async function respond(
    request: IncomingMessage,
    response: ServerResponse,
    received: Head,
    slot: Slot,
  ): Promise<ApiResponse> {
    const fault = headFault(request.httpVersion, received);
    const route = fault === undefined ? pickRoute(routes, received) : undefined;
    if (route === undefined) {
      const status = fault ?? 404;
      counters.of(undefined).responded(status, null, 0);
      return malformed(status);
    }
    const { name, api } = route;
    const { requestId } = api;
    const head = requestId === undefined ? received : { ...received, id: requestId(received.id) };
    const auditFields: AuditFields = { key: null, operation: null, size: null };
    const counted = counters.of(name);
    const whenGone = (listener: () => void) => slot.whenGone(listener);
    const services = servicesFor(client, access);
    /** When the whole request was there. */
    let wholeAt = 0;

    function record(answer: ApiResponse): Promise<boolean> | undefined {
      const { error, isProbe } = answer;
      if (name === undefined || isProbe) return undefined;
      return audit?.write({
        requestId: head.id,
        api: name,
        ...auditFields,
        outcome: error?.code ?? 'ok',
        status: statusOf(answer),
        client: head.remote,
      });
    }

    /** Records an answer, or refuses the request if that is required and fails. */
    async function recorded(answer: ApiResponse): Promise<ApiResponse> {
      const isRecorded = record(answer);
      if (isRecorded === undefined) return noted(answer);
      const { body } = answer;
      // It may break off before anybody reads it; whoever does then learns of it.
      if (body instanceof Readable) body.on('error', () => {});
      if (await isRecorded) return noted(answer);
      services.wipe();
      if (body instanceof Uint8Array) body.fill(0);
      else if (body instanceof Readable) body.destroy();
      const failure = { kind: 'unrecorded' } as const;
      const refusal = api.refuse(failure, head);
      // Not waited for. The last line of a request says what its client got.
      void record(refusal);
      warn('request failed', thrownBy(failure), { requestId: head.id });
      return noted(refusal);
    }

    /** Counts what is sent, and wipes it once it has left. */
    function noted(answer: ApiResponse): ApiResponse {
      const { error } = answer;
      counted.responded(statusOf(answer), auditFields.size, (performance.now() - wholeAt) / 1000);
      if (error?.reason !== undefined) counted.failed(error.reason);
      const { body } = answer;
      if (typeof body === 'string') services.wipe();
      else
        whenGone(() => {
          services.wipe();
          if (body instanceof Uint8Array) body.fill(0);
        });
      return answer;
    }

    async function refused(failure: Failure, error?: unknown): Promise<ApiResponse> {
      const answer = await recorded(api.refuse(failure, head));
      const isGone =
        slot.isGone || request.socket.destroyed || request.aborted || isReplaced(response);
      if (statusOf(answer) >= 500 && !isGone) warn('request failed', error, { requestId: head.id });
      return answer;
    }

    if (slot.isBusy) {
      const error = new EntropyError('ERR_BUSY', 'too many requests at once');
      return refused({ kind: 'busy' }, error);
    }
    let body: Buffer;
    try {
      const invited = head.headers.expect?.toLowerCase() === '100-continue';
      body = await readBody(
        request,
        api.bodyLimitBytes,
        invited ? () => invite(response) : undefined,
        slot.receive,
      );
    } catch (error) {
      const isTooLarge = errorCode(error) === 'ERR_TOO_LARGE';
      return refused(isTooLarge ? { kind: 'tooLarge' } : { kind: 'thrown', error }, error);
    }
    wholeAt = performance.now();
    // Asked here, once: no API can forget it, and not even its errors are for a web page.
    if (name !== undefined && isFromWebPage(head.headers)) return refused({ kind: 'webPage' });
    try {
      const { id, method, path, query, authority, headers, rawHeaders, secure, remote, local } =
        head;
      // Hot path: a literal, because a spread costs microseconds.
      const whole: ApiRequest = {
        id,
        method,
        path,
        query,
        authority,
        headers,
        rawHeaders,
        secure,
        remote,
        local,
        body,
        audit: auditFields,
        whenGone,
      };
      return await recorded(await api.answer(whole, services));
    } catch (error) {
      return refused({ kind: 'thrown', error }, error);
    }
  }

  async function run(
    request: IncomingMessage,
    response: ServerResponse,
    transport: Transport,
    slot: Slot,
  ): Promise<void> {
    const answer = await respond(request, response, headOf(request, transport), slot);
    const hold = (bytes: number) => slot.hold(bytes);
    if (isReplaced(response)) return;
    try {
      await send(request, response, answer, { keepAlive: !finishing, malformed, hold });
    } catch (error) {
      // Whatever was thrown: else the client waits for an answer that does not come.
      response.destroy();
      if (!isClientGone(error)) warn('answer cut off', error);
    }
  }

  function warn(message: string, error: unknown, fields: object = {}): void {
    const code = errorCode(error);
    failures.warn(message, code, { ...fields, code, reason: reasonOf(error) });
  }

  return {
    listener: (transport) => (request, response) =>
      connections.enter(request, response, (slot) => run(request, response, transport, slot)),
    async finish() {
      finishing = true;
      await connections.idle();
      failures.close();
    },
  };
}

/**
 * Asks for the body (RFC 9110 10.1.1), once it is the response's turn: before that, node:http would write
 * the invitation between the parts of the response before it.
 */
function invite(response: ServerResponse): void {
  if (response.socket !== null) response.writeContinue();
  else response.once('socket', () => response.headersSent || response.writeContinue());
}

/** The status that tells how a request ended. */
function statusOf({ status, error }: ApiResponse): number {
  return error?.status ?? status;
}

const strengths = { no: 0, leftover: 1, path: 2, header: 3 } as const;

/** The route with the strongest claim, the first of equal ones; undefined: nobody wants the request. */
export function pickRoute(routes: readonly Route[], head: Head): Route | undefined {
  let picked: Route | undefined;
  let strongest = 0;
  for (const route of routes) {
    const strength = strengths[route.api.claim(head)];
    if (strength > strongest) [picked, strongest] = [route, strength];
  }
  return picked;
}

/** What one request's API gets. `wipe` zeroes its random bytes, those that come later as well. */
function servicesFor(
  client: Pick<RandomSource, 'random' | 'health'>,
  access: Access,
): Services & { wipe(): void } {
  let arrays: Uint8Array[] | undefined = [];
  return {
    access,
    health: () => client.health(),
    async random(size) {
      const bytes = await client.random(size);
      if (arrays === undefined) bytes.fill(0);
      else arrays.push(bytes);
      return bytes;
    },
    wipe() {
      if (arrays !== undefined) for (const bytes of arrays) bytes.fill(0);
      arrays = undefined;
    },
  };
}

/** node:stream's code for a stream whose reader closed before its end. */
function isClientGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
