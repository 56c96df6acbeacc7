/** Exchanges of a request for an answer: reads, asks the route, sends; knows when none is running. */
import { randomUUID } from 'node:crypto';
import type {
  IncomingHttpHeaders,
  IncomingMessage,
  RequestListener,
  ServerResponse,
} from 'node:http';
import { type Answer, type GatewayRequest, noFacts, type Route } from '../apis/api.js';
import { type AwsOptions, awsRoute } from '../apis/aws-kms/api.js';
import { type GenRandomOptions, genRandomRoute } from '../apis/huawei-kms/api.js';
import { isVaultPath, type VaultOptions, vaultRoute } from '../apis/vault/api.js';
import { EntropyError, errorCode } from '../common/errors.js';
import { WarningThrottle } from '../common/log.js';
import { malformedAnswer, send } from './answer.js';
import type { Audit } from './audit.js';
import { GatewayCounters } from './metrics.js';
import { isPage, type PagesOptions, pagesRoute } from './pages/pages.js';

/** Exchanges at once; pipelining could otherwise queue any number on the daemon. Ours. */
const maxRunning = 1024;

/** Where events go; pino's loggers fit. Random bytes and bodies never do. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** How a listener is reached: over a Unix socket nobody has an address. */
export type Transport = 'tcp' | 'unix';

/** Both ends of a connection, as {@link GatewayRequest} has them. */
type Ends = Pick<GatewayRequest, 'remote' | 'local'>;

const unixEnds: Ends = { remote: 'unix', local: 'unix' };

/** All exchanges of one gateway, over whichever listener they came. */
export interface Exchanges {
  /** A listener for the events `request`, `checkContinue` and `checkExpectation`. */
  handler(transport: Transport): RequestListener;
  /** From now on an answer ends its connection. Resolves when no exchange is running. */
  finish(): Promise<void>;
}

/**
 * Starts with none running.
 * @param router finds the route of each request
 * @param log gets a warning for the first answer of status 500 and above of a kind, and then one a
 *   minute with how many more there were
 * @param audit gets a line for each request to an API, before its answer leaves
 * @param counters count every request
 * @returns the exchanges; one for all listeners of a gateway
 */
export function createExchanges(
  router: Router,
  log: Logger,
  audit?: Audit,
  counters = new GatewayCounters(),
): Exchanges {
  let finishing = false;
  let onIdle = () => {};
  // A daemon that is away fails every request: neither a line each, nor silence.
  const failures = new WarningThrottle(log);

  async function answerTo(
    request: IncomingMessage,
    response: ServerResponse,
    { remote, local }: Ends,
  ): Promise<Answer> {
    const { method = '', url = '', headers, rawHeaders, httpVersion } = request;
    // RFC 9112 3.2. node:http's own check would answer without a body.
    if (httpVersion === '1.1' && headers.host === undefined) {
      counters.of(undefined).answered(400, noFacts(), 0);
      return malformedAnswer(400);
    }
    const id = randomUUID();
    const queryAt = url.indexOf('?');
    const path = queryAt < 0 ? url : url.slice(0, queryAt);
    const query = queryAt < 0 ? '' : url.slice(queryAt + 1);
    const route = router(method, path, headers);
    const facts = noFacts();
    const counted = counters.of(route.api);
    // When the whole request was there.
    let wholeAt = 0;
    const noted = (answer: Answer) => {
      const { status, outcome = 'ok' } = answer;
      counted.answered(status, facts, (performance.now() - wholeAt) / 1000);
      if (route.api !== undefined)
        audit?.write({ requestId: id, api: route.api, ...facts, outcome, status, client: remote });
      return answer;
    };
    try {
      if (counters.running > maxRunning)
        throw new EntropyError('ERR_BUSY', 'too many requests at once');
      const invited = headers.expect?.toLowerCase() === '100-continue';
      const invite = invited ? () => response.writeContinue() : undefined;
      const body = await readBody(request, route.bodyLimitBytes, invite);
      wholeAt = performance.now();
      const whenGone = (listener: () => void) => void response.once('close', listener);
      return noted(
        await route.answer({
          id,
          method,
          path,
          query,
          headers,
          rawHeaders,
          body,
          remote,
          local,
          whenGone,
          facts,
        }),
      );
    } catch (error) {
      counted.failed(error);
      const answer = noted(route.refuse(error, id));
      if (answer.status >= 500 && !request.socket.destroyed)
        failed('request failed', error, { requestId: id });
      return answer;
    }
  }

  async function run(
    request: IncomingMessage,
    response: ServerResponse,
    ends: Ends,
  ): Promise<void> {
    counters.running++;
    const answer = await answerTo(request, response, ends);
    try {
      await send(request, response, answer, !finishing);
    } catch (error) {
      if (!isClientGone(error)) failed('answer cut off', error);
    }
    counters.running--;
    if (counters.running === 0) onIdle();
  }

  function failed(message: string, error: unknown, fields: object = {}): void {
    const code = errorCode(error);
    failures.warn(message, code, { ...fields, code, reason: reasonOf(error) });
  }

  return {
    handler: (transport) => (request, response) => {
      const { remoteAddress = 'unknown', localAddress = 'unknown' } = request.socket;
      const ends = transport === 'unix' ? unixEnds : { remote: remoteAddress, local: localAddress };
      void run(request, response, ends);
    },
    finish() {
      finishing = true;
      const idle =
        counters.running === 0
          ? Promise.resolve()
          : new Promise<void>((resolve) => {
              onIdle = resolve;
            });
      return idle.then(() => failures.close());
    },
  };
}

/** What node:stream says of a stream whose reader closed before its end. */
function isClientGone(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// Reads a request's body, up to a limit.

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

// Which route answers a request.

/** Picks a route by method, path (without the query) and headers; every request has one. */
export type Router = (method: string, path: string, headers: IncomingHttpHeaders) => Route;

/**
 * All routes behind one function. X-Amz-Target marks an AWS client whatever the path, and so does
 * any method on `/` that is no page's; what is left over is refused as the clouds' API gateway does.
 * @param options of all routes
 * @returns the router
 */
export function createRouter(
  options: AwsOptions & GenRandomOptions & VaultOptions & PagesOptions,
): Router {
  const aws = awsRoute(options.client, options);
  const genRandom = genRandomRoute(options);
  const vault = vaultRoute(options);
  const pages = pagesRoute(options);
  return (method, path, headers) => {
    if (headers['x-amz-target'] !== undefined) return aws;
    if (isPage(method, path)) return pages;
    if (isVaultPath(path)) return vault;
    return path === '/' ? aws : genRandom;
  };
}
