/** A request's head: what APIs see of it, and whether HTTP allows it. */
import { randomUUID } from 'node:crypto';
import { type IncomingMessage, METHODS } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Head } from '../apis/api.js';
import { unmapped } from '../common/address.js';

/** How a listener is reached: over a Unix socket nobody has an address. */
export type Transport = 'tcp' | 'unix';

/** The absolute form of a request's target, which a server has to accept (RFC 9112 3.2.2). */
const absoluteForm = /^https?:\/\/([^/?#]*)(.*)$/is;

/** A request's head, whatever the form of its target. */
export function headOf(request: IncomingMessage, transport: Transport): Head {
  const { method = '', headers, rawHeaders, socket } = request;
  let { url = '' } = request;
  let authority = headers.host ?? '';
  if (!url.startsWith('/')) {
    const absolute = absoluteForm.exec(url);
    // The target's host takes the place of the field's.
    if (absolute !== null) [, authority = '', url = ''] = absolute;
    if (absolute !== null && !url.startsWith('/')) url = `/${url}`;
  }
  const queryAt = url.indexOf('?');
  const isUnix = transport === 'unix';
  return {
    id: randomUUID(),
    method,
    path: queryAt < 0 ? url : url.slice(0, queryAt),
    query: queryAt < 0 ? '' : url.slice(queryAt + 1),
    authority,
    headers,
    rawHeaders,
    secure: (socket as Partial<TLSSocket>).encrypted === true,
    remote: isUnix ? 'unix' : unmapped(socket.remoteAddress ?? 'unknown'),
    local: isUnix ? 'unix' : (socket.localAddress ?? 'unknown'),
  };
}

/**
 * The status for a head that is at fault; undefined: none is. It must have one Host (RFC 9112 3.2;
 * node:http's own check would answer without a body), and no transfer coding but `chunked` (6.1).
 */
export function headFault(httpVersion: string, head: Head): number | undefined {
  const { headers, rawHeaders } = head;
  if (httpVersion === '2.0') {
    const fault = http2Fault(head);
    if (fault !== undefined) return fault;
  }
  const codings = headers['transfer-encoding'];
  if (codings !== undefined && codings.toLowerCase() !== 'chunked') return 501;
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  return hosts > 1 || (hosts === 0 && httpVersion !== '1.0') ? 400 : undefined;
}

const methods = new Set(METHODS);

/** What node:http's parser refuses before anybody sees it, and node:http2 does not. */
function http2Fault({ method, path }: Head): number | undefined {
  if (method === 'CONNECT') return 405;
  if (!methods.has(method)) return 400;
  return path.startsWith('/') || (path === '*' && method === 'OPTIONS') ? undefined : 400;
}
