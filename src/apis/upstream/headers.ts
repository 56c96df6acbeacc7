/** Which headers cross the gateway on the way to an upstream and back (RFC 9110 7.6.1). Pure. */
import type { IncomingHttpHeaders } from 'node:http';

/** RFC 9110 7.6.1 and 10.1.1: about one connection, not the message. `Expect` was answered here. */
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

/**
 * What `Connection` cannot name: it is for the last recipient, who reads or verifies it (RFC 9110 7.6.1).
 * Otherwise a client could have one request checked here and another one arrive there.
 */
const endToEnd: readonly RegExp[] = [
  /^(?:authorization|cache-control|content-.+|date|host|user-agent|via|accept.*)$/,
  /^(?:amz-sdk|x-amz|x-sdk)/,
  /^x-(?:auth-token|domain-id|language|project-id|request-id|security-token)$/,
];

/** In a response these speak for the host that sent it, which the gateway is not. */
const ofTheHost: ReadonlySet<string> = new Set([
  'alt-svc',
  'clear-site-data',
  'set-cookie',
  'strict-transport-security',
]);

/** The gateway sends its own with every response. */
const ofTheGateway: ReadonlySet<string> = new Set(['cache-control', 'x-content-type-options']);

/**
 * A request's headers as received, for an upstream that verifies the client's own signature: in order,
 * with repeats, `Host` and `Authorization`, but without those about the connection.
 * @param rawHeaders name, value, name, value, as node:http gives them
 * @param size of the body, bytes: it is sent whole whatever its framing was
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
 * The headers of a request that is sent on under another signature.
 * @param headers as node:http gives them
 * @param names of those to keep: enough for the service, and nothing that could carry the client's own
 *   authentication
 * @param size of the body, bytes
 * @returns a new object without any other header of the client, and without `Host`
 */
export function keptHeaders(
  headers: IncomingHttpHeaders,
  names: readonly string[],
  size: number,
): Record<string, string> {
  const kept: Record<string, string> = { 'content-length': String(size) };
  for (const name of names) {
    const value = headers[name];
    if (typeof value === 'string') kept[name] = value;
  }
  return kept;
}

/**
 * A response's headers for the client: without those about the connection and the upstream's host,
 * without CORS (web pages must not read anything here), and with `via`.
 * @param headers as node:http gives them, names in lower case
 * @param otherwise what a response has that lacks it, such as the request's id; names in lower case
 */
export function responseHeaders(
  headers: IncomingHttpHeaders,
  otherwise: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept: Record<string, string> = { ...otherwise };
  // `Server` stays: it is the upstream that answered. RFC 9110 7.6.3: a gateway says that it was between.
  const via = headers.via === undefined ? '' : `${headers.via}, `;
  const named = connectionOptions([headers.connection ?? '']);
  for (const [name, value] of Object.entries(headers)) {
    const dropped =
      [hopByHop, ofTheHost, ofTheGateway, named].some((names) => names.has(name)) ||
      name.startsWith('access-control-');
    if (!dropped && typeof value === 'string') kept[name] = value;
  }
  return { ...kept, via: `${via}1.1 entropyd` };
}

function pairs(rawHeaders: readonly string[]): [name: string, value: string][] {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    list.push([rawHeaders[i] as string, rawHeaders[i + 1] as string]);
  return list;
}

function connectionOptions(values: readonly string[]): ReadonlySet<string> {
  return new Set(
    values
      .flatMap((value) => value.split(','))
      .map((name) => name.trim().toLowerCase())
      .filter((name) => !endToEnd.some((form) => form.test(name))),
  );
}
