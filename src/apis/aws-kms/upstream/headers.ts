/** Which headers cross the gateway on the way to an upstream and back (RFC 9110 7.6.1). Pure. */
import type { IncomingHttpHeaders } from 'node:http';

/** RFC 9110 7.6.1 and 10.1.1: of one connection, not of the message. `Expect` has been answered here. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** In an answer these speak for the host that sent it, which the gateway is not. */
const ofTheHost: ReadonlySet<string> = new Set([
  'alt-svc',
  'clear-site-data',
  'set-cookie',
  'strict-transport-security',
]);

/** Sent by the gateway itself with every answer. */
const ofTheGateway: ReadonlySet<string> = new Set(['cache-control', 'x-content-type-options']);

/**
 * What an SDK says beside its signature: enough for the service, and nothing that could carry the
 * client's own authentication.
 */
const withoutSignature: readonly string[] = [
  'accept',
  'accept-encoding',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'content-type',
  'user-agent',
  'x-amz-target',
  'x-amz-user-agent',
];

/**
 * A request's headers as they came, for an upstream that shall see the client's own signature: in
 * their order, with repeats, `Host` and `Authorization`; without those of the connection.
 * @param rawHeaders name, value, name, value, as node:http gives them
 * @param size the body's, bytes: it is sent whole whatever its framing was
 * @returns a new list of the same form
 */
export function passedHeaders(rawHeaders: readonly string[], size: number): string[] {
  const headers = pairs(rawHeaders);
  const named = connectionOptions(
    headers.filter(([name]) => name.toLowerCase() === 'connection').map(([, value]) => value),
  );
  return headers
    .filter(([name]) => {
      const key = name.toLowerCase();
      return key !== 'content-length' && !hopByHop.has(key) && !named.has(key);
    })
    .flat()
    .concat('Content-Length', String(size));
}

/**
 * The headers of a request that goes on under another signature.
 * @param headers as node:http gives them
 * @param size the body's, bytes
 * @returns a new object without any of the client's authentication, and without `Host`
 */
export function unsignedHeaders(
  headers: IncomingHttpHeaders,
  size: number,
): Record<string, string> {
  const kept: Record<string, string> = { 'content-length': String(size) };
  for (const name of withoutSignature) {
    const value = headers[name];
    if (typeof value === 'string') kept[name] = value;
  }
  return kept;
}

/**
 * An answer's headers for the client: without those of the connection, of the upstream's host, and of
 * CORS (web pages are not to read anything here).
 * @param headers as node:http gives them, names in lower case
 * @param requestId for an answer without one
 */
export function answerHeaders(
  headers: IncomingHttpHeaders,
  requestId: string,
): Record<string, string> {
  const kept: Record<string, string> = { 'x-amzn-requestid': requestId };
  const named = connectionOptions([headers.connection ?? '']);
  for (const [name, value] of Object.entries(headers)) {
    const dropped =
      [hopByHop, ofTheHost, ofTheGateway, named].some((names) => names.has(name)) ||
      name.startsWith('access-control-');
    if (!dropped && typeof value === 'string') kept[name] = value;
  }
  return kept;
}

function pairs(rawHeaders: readonly string[]): [name: string, value: string][] {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    list.push([rawHeaders[i] as string, rawHeaders[i + 1] as string]);
  return list;
}

function connectionOptions(values: readonly string[]): ReadonlySet<string> {
  return new Set(
    values.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase()),
  );
}
