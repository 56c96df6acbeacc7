/**
 * Requests to the gateway, made from what test/apis says about each API: those whose answer is known,
 * those with one bit changed, and arbitrary combinations of methods, targets, fields and bodies.
 */
import type { ApiClient, ClientRequest } from '../support/api-client.js';
import { tokenOf } from '../support/credentials.js';
import { type Expected, type Field, malformed, type Oracle, pages } from './http-oracle.js';
import type { Prng } from './prng.js';

/** A request as it is sent, and what must answer it. */
export interface KnownRequest {
  readonly bytes: Buffer;
  /** HEAD: the answer ends with its head. */
  readonly bodiless: boolean;
  readonly expected: Expected;
}

const host: Field = ['Host', 'localhost'];

/** Fields that determine where a body ends. */
const framing = /^(content-length|transfer-encoding)$/i;

/** How a request is sent, besides what it says. */
interface Framing {
  /** Bytes of each chunk, cyclically; undefined: a body has a Content-Length. */
  readonly chunks?: readonly number[];
}

/** Header fields of a client's request; Host is not for every API a part of it. */
function fieldsOf({ headers }: ClientRequest): Field[] {
  const fields = Object.entries(headers);
  return headers.host === undefined ? [host, ...fields] : fields;
}

/** The bytes of a request: fields that frame the body stay as they are, else they are added. */
function compose(
  method: string,
  target: string,
  fields: readonly Field[],
  body = '',
  { chunks }: Framing = {},
): Buffer {
  let payload: Buffer = Buffer.from(body);
  let all = fields;
  if (payload.length > 0 && !fields.some(([name]) => framing.test(name))) {
    if (chunks === undefined) all = [...fields, ['Content-Length', `${payload.length}`]];
    else {
      all = [...fields, ['Transfer-Encoding', 'chunked']];
      payload = chunked(payload, chunks);
    }
  }
  const lines = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`, 'latin1');
  return Buffer.concat([head, payload]);
}

/** RFC 9112 7.1, with extensions and a trailer now and then: both are to be ignored. */
function chunked(body: Buffer, sizes: readonly number[]): Buffer {
  const parts: (Buffer | string)[] = [];
  for (let at = 0, i = 0; at < body.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    const chunk = body.subarray(at, at + size);
    parts.push(`${chunk.length.toString(16)}${['', ';a=b', ';x'][size % 3]}\r\n`, chunk, '\r\n');
    at += chunk.length;
  }
  parts.push(sizes.length % 2 === 0 ? '0\r\n\r\n' : '0\r\nX-Trailer: 1\r\n\r\n');
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

// Requests whose answer is known.

/** A request as the plan makes it from a client's. */
function known(prng: Prng, request: ClientRequest, expected: Expected): KnownRequest {
  const { method, path, body } = request;
  const fields = fieldsOf(request);
  const [, authority] = fields.find(([name]) => name.toLowerCase() === 'host') ?? host;
  const scheme = prng.pick(['http://', 'HTTP://']);
  const rest = path === '/' ? prng.pick(['', '/']) : path;
  const target = prng.chance(0.1) ? `${scheme}${authority}${rest}` : path;
  const framed = prng.chance(0.2)
    ? { chunks: Array.from({ length: prng.between(1, 4) }, () => prng.magnitude(6)) }
    : {};
  return {
    bytes: compose(method, target, fields, body, framed),
    bodiless: method === 'HEAD',
    expected,
  };
}

/** Mostly few bytes, so that many requests fit into a connection. */
function sizeFor({ sizes: [fewest, most] }: ApiClient, prng: Prng): number {
  const usual = prng.chance(0.05) ? most : Math.min(most, 1024);
  return prng.between(fewest, usual);
}

/** A good request to an API, in one of its forms. */
function goodRequest(client: ApiClient, prng: Prng): KnownRequest {
  const size = sizeFor(client, prng);
  const kinds = ['default', 'project', 'default'] as const;
  const usual = () => client.request(prng.pick(kinds), { size, time: Date.now() });
  const forms = client.fuzz?.good?.map((make) => () => make(size)) ?? [];
  const request: ClientRequest & Partial<Pick<ApiClient, 'bytesOf'>> = prng.pick([
    usual,
    usual,
    ...forms,
  ])();
  const { bytesOf = client.bytesOf } = request;
  return known(prng, request, { responders: [client.entry.name], statuses: [200], size, bytesOf });
}

/** A request that an API refuses, or that an open gateway serves although it is nobody's. */
function refusedRequest(client: ApiClient, verifies: boolean, prng: Prng): KnownRequest {
  const { entry, outcomes, stranger, anonymous, needsNoProof, request, size, bytesOf } = client;
  const responders = [entry.name];
  const refusal = (each: ClientRequest, status: number) => () =>
    known(prng, each, { responders, statuses: [status] });
  const nobody = (each: ClientRequest, [, status]: readonly [string, number]) =>
    verifies
      ? refusal(each, status)
      : () => known(prng, each, { responders, statuses: [200], size, bytesOf });
  const time = Date.now();
  return prng.pick([
    nobody(stranger, outcomes.stranger),
    nobody(request('denied', { time }), outcomes.denied),
    needsNoProof
      ? nobody(anonymous, outcomes.anonymous)
      : refusal(anonymous, outcomes.anonymous[1]),
    refusal(withField(request('default', { time }), 'origin', 'null'), outcomes.webPage[1]),
    ...(client.fuzz?.refused?.(time) ?? []).map(([each, status]) => refusal(each, status)),
  ])();
}

const withField = (request: ClientRequest, name: string, value: string): ClientRequest => ({
  ...request,
  headers: { ...request.headers, [name]: value },
});

function pageRequest(prng: Prng): KnownRequest {
  const [method, path] = prng.pick([
    ['GET', '/healthz'],
    ['HEAD', '/metrics'],
    ['HEAD', '/'],
  ] as const);
  const request = { method, path, headers: {}, body: '' };
  return known(prng, request, { responders: [pages], statuses: [200] });
}

/** A request whose answer is known. */
export function knownRequest({ clients }: Oracle, verifies: boolean, prng: Prng): KnownRequest {
  const client = prng.pick(clients);
  if (prng.chance(0.7)) return goodRequest(client, prng);
  return prng.chance(0.7) ? refusedRequest(client, verifies, prng) : pageRequest(prng);
}

/** A good request with one bit changed: of its proof, or of what the proof covers. */
export function changedRequest({ clients }: Oracle, verifies: boolean, prng: Prng): KnownRequest {
  const client = prng.pick(clients);
  const signs = client.signs !== undefined && prng.chance(0.7);
  const request = client.request(signs ? (client.signs ?? 'default') : 'default', {
    size: sizeFor(client, prng),
    time: Date.now(),
  });
  const { anonymous, entry } = client;
  const covered = Object.keys(request.headers).filter(
    (name) => signs || anonymous.headers[name] === undefined,
  );
  const part = prng.pick(signs ? [...covered, 'body'] : covered);
  const headers: Record<string, string> = { ...request.headers };
  let { body } = request;
  if (part === 'body') body = flipped(body, prng);
  else headers[part] = flipped(headers[part] ?? '', prng);
  const { method, path } = request;
  const served = verifies ? undefined : [200];
  const statuses = [400, 401, 403, 404, 429, ...(served ?? [])];
  return {
    bytes: compose(method, path, fieldsOf({ ...request, headers }), body),
    bodiless: false,
    expected: { responders: [entry.name], statuses },
  };
}

/** The lowest bit of a printable character changed: it stays printable. */
function flipped(text: string, prng: Prng): string {
  const at = prng.below(text.length);
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
}

// What HTTP itself refuses.

/** A good request with a second Host, RFC 9112 3.2: 400, whatever the two say. */
export function twoHosts({ clients }: Oracle, prng: Prng): KnownRequest {
  const client = prng.pick(clients);
  const request = client.request('default', { time: Date.now() });
  const fields = fieldsOf(request);
  const another: Field = [prng.pick(['Host', 'host', 'HOST']), prng.pick(['localhost', 'x', ''])];
  fields.splice(prng.below(fields.length + 1), 0, another);
  return {
    bytes: compose(request.method, request.path, fields, request.body),
    bodiless: false,
    expected: { responders: [malformed], statuses: [400] },
  };
}

/**
 * A good request with a transfer coding that nobody knows, RFC 9112 6.1 and 6.3: 501 for a coding before
 * the last `chunked` or without any; 400 if `chunked` is there, but not last: the body's end is unknown.
 */
export function unknownCoding({ clients }: Oracle, prng: Prng): KnownRequest {
  const client = prng.pick(clients);
  const request = client.request('default', { time: Date.now() });
  const coding = prng.pick(['gzip', 'x', 'identity', 'deflate', 'GZIP', 'br']);
  const [value, status] = prng.pick([
    [coding, 501],
    [`${coding}, chunked`, 501],
    [`${coding},Chunked`, 501],
    [`chunked, ${coding}`, 400],
  ] as const);
  const { method, path, body } = request;
  const fields = [...fieldsOf(request), ['Transfer-Encoding', value] as const];
  const payload = /chunked$/i.test(value) ? chunked(Buffer.from(body), [7]).toString() : body;
  return {
    bytes: compose(method, path, fields, payload),
    bodiless: false,
    expected: { responders: [malformed], statuses: [status] },
  };
}

/**
 * A request whose body breaks off the chunked form: one answer, whether its head is at fault as well or
 * the answer was due without the body. A second one would be taken for the next request's.
 */
export function brokenBody({ clients }: Oracle, prng: Prng): KnownRequest {
  const client = prng.pick(clients);
  const { method, path, headers } = client.request('default', { time: Date.now() });
  const usual = fieldsOf({ method, path, headers, body: '' });
  const fields = prng.pick([
    usual,
    usual.filter(([name]) => name.toLowerCase() !== 'host'),
    [...usual, host],
    [...usual, ['Origin', 'null'] as const],
  ]);
  const broken = prng.pick(['z\r\n', '1\r\nab\r\n', '-1\r\n', '\r\n', '2\r\nab\rX\n']);
  return {
    bytes: compose(method, path, [...fields, ['Transfer-Encoding', 'chunked']], broken),
    bodiless: false,
    expected: { responders: [malformed], statuses: [400] },
  };
}

// Odd requests: only their form is known.

const methods: readonly string[] =
  'POST GET PUT DELETE HEAD OPTIONS PATCH TRACE PROPFIND M-SEARCH CONNECT'.split(' ');
const targets: readonly string[] = [
  ...'/ * // /? /# /% /%00 /healthz /metrics?x /__proto__ /page/ /status x'.split(' '),
  ...'http://localhost/ http://localhost HTTP://x/healthz https://localhost:1/?a ftp://x/'.split(
    ' ',
  ),
  ...[`/${'a'.repeat(4000)}`, `/?${'a=b&'.repeat(1000)}`],
];

const nested = (depth: number, open: string, close: string) =>
  open.repeat(depth) + close.repeat(depth);

/** What no member of a request is meant to be. */
const oddValues: readonly string[] = [
  ...'1e400 -1e400 -0 0.5 9007199254740993 1e-400 "32" {} [[1]] [] true null 1025 1 8 "8"'.split(
    ' ',
  ),
  ...['{"toString":1}', '"\u0661"', `"${'9'.repeat(400)}"`, '"1e3"', '1'.repeat(10_000)],
  nested(5000, '{"a":', ''),
];
const oddBodies: readonly string[] = [
  ...['', '{}', '[]', 'null', '32', '"x"', '{bad', '\ufeff{}', '{"":1}', '{"a":"\\ud800"}'],
  '{"constructor":{"prototype":{"x":32}}}',
  nested(20_000, '[', ']'),
];

/** Bodies that no API reads whole. */
const largeBodySize = 600_000;

/** Names with values of little meaning. Such fields replace, repeat or join those of a request. */
const oddFields: readonly (readonly [name: string, ...values: string[]])[] = [
  ['Authorization', '', 'Bearer', 'Basic x', 'x'.repeat(4000)],
  ['Date', 'Thu, 01 Jan 1970 00:00:00 GMT', 'x'],
  ['Content-Type', 'text/html', '', 'application/json; charset=x'],
  ['Content-Length', '0', '1', '-1', '600000', '99999999999999999999', '0x10', '1, 1'],
  ['Transfer-Encoding', 'chunked', 'gzip, chunked', 'identity', 'x'],
  ['Host', '', 'evil.example', '[::1]:1', '[', 'a:b:c', '\xff'],
  ['Expect', '100-continue', 'x'],
  ['Origin', 'http://evil.example'],
  ['Sec-Fetch-Site', 'cross-site', 'none'],
  ['Upgrade', 'h2c', 'websocket'],
  ['Connection', 'keep-alive', 'upgrade', 'close', 'authorization, x-vault-token'],
  ['__proto__', 'x'],
  ['constructor', 'x'],
  ['X-Odd', '\x80\xff', ' \t ', 'a'.repeat(8000), 'a'.repeat(20_000), '\0', 'a\rb'],
];

/** What every proof may be instead of itself. */
const oddProofs: readonly string[] = ['', 'x', '\xff\xfe', 'x'.repeat(4000), tokenOf('denied')];

/** An odd request: whether and by whom it must be answered. */
export interface OddRequest extends KnownRequest {
  /** Whether an answer must come: no field contradicts the length of the body. */
  readonly whole: boolean;
}

/** A request whose answer is not known, only its form. */
export function oddRequest(oracle: Oracle, prng: Prng): OddRequest {
  const client = prng.pick(oracle.clients);
  const request = client.request('default', { time: Date.now() });
  const proofs = Object.keys(request.headers)
    .filter((name) => client.anonymous.headers[name] === undefined)
    .map((name) => [name, ...oddProofs] as const);
  const { fields: near = [], targets: nearTargets = [] } = client.fuzz ?? {};
  const body = oddBody(client, request.body, prng);
  let fields = prng.chance(0.2) ? [host] : fieldsOf(request);
  let whole = true;
  for (let left = prng.below(4); left > 0; left--) {
    const [name, ...values] = prng.pick(prng.chance(0.5) ? oddFields : [...proofs, ...near]) ?? [];
    if (name === undefined) continue;
    const field: Field = [name, prng.pick(values)];
    if (framing.test(name)) whole = false;
    if (prng.chance(0.5))
      fields = fields.filter(([other]) => other.toLowerCase() !== name.toLowerCase());
    if (prng.chance(0.9)) {
      const copies = new Array<Field>(prng.between(1, 2)).fill(field);
      fields.splice(prng.below(fields.length + 1), 0, ...copies);
    }
  }
  if (prng.chance(0.02))
    fields.push(...Array.from({ length: prng.between(1, 3000) }, (_, i): Field => [`x${i}`, '']));
  const { method, path } = request;
  const line = prng.chance(0.6)
    ? ([method, path] as const)
    : ([
        prng.pick(methods),
        prng.pick([...targets, path, `${path}/`, `/${path}`, `${path}?x`, ...nearTargets]),
      ] as const);
  const size = Buffer.byteLength(body);
  return {
    bytes: compose(...line, fields, body),
    bodiless: line[0] === 'HEAD',
    whole,
    expected: whole ? oracle.expectationOf(...line, fields, size) : {},
  };
}

function oddBody(client: ApiClient, usual: string, prng: Prng): string {
  if (prng.chance(0.3)) return usual;
  if (prng.chance(0.02)) return 'x'.repeat(largeBodySize);
  const names = usual.startsWith('{') ? Object.keys(JSON.parse(usual)) : [];
  if (names.length === 0 || prng.chance(0.4))
    return prng.pick([...oddBodies, ...(client.fuzz?.bodies ?? [])]);
  const [name, value] = [prng.pick(names), prng.pick(oddValues)];
  return prng.pick([
    `{"${name}":${value}}`,
    `{"__proto__":{"${name}":${value}}}`,
    `{"${name}":1,"${name}":${value}}`,
  ]);
}
