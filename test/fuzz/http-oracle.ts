/**
 * Which API must answer a request, and what its answers look like: docs/clients.md and
 * docs/gateway.md as functions. The fuzz judges the gateway by them, so they share no code with it.
 */
import type { Answer } from './http-answers.js';

/** Who answers: an API, the pages for people, or the gateway to input that is not a request. */
export type Responder = 'aws-kms' | 'huawei-kms' | 'vault' | 'pages' | 'malformed';

/** The largest difference between an answer's Date and now that a busy host explains, ms. */
const maxDateErrorMs = 60_000;

/** docs/monitoring.md: what the gateway answers to GET and HEAD. */
const pages: readonly string[] = ['/', '/status', '/metrics', '/healthz'];

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const upperHex = /^[0-9A-F]+$/;
const cloudCode = /^APIGW\.\d{4}$/;

/** Members of a successful answer of Vault, in order. */
const vaultMembers =
  'request_id,lease_id,renewable,lease_duration,data,wrap_info,warnings,auth' as const;

/** Members of an answer to malformed input: those of all APIs. */
const allMembers = '__type,message,error_code,error_msg,request_id,errors';

// biome-ignore lint/suspicious/noExplicitAny: JSON from the gateway, which the checks below take apart.
type Json = any;

interface Shape {
  /** Of Content-Type. */
  readonly type: RegExp;
  /** The header with the request id; pages have none. */
  readonly idHeader?: string;
  /** The statuses of the documentation below 500. */
  readonly statuses: readonly number[];
  /** Whether a JSON body is one of this responder. */
  isBody(body: Json, names: string, status: number, id: string | undefined): boolean;
}

const json = /^application\/json$/;
const shapes: Readonly<Record<Responder, Shape>> = {
  'aws-kms': {
    type: /^application\/x-amz-json-1\.1$/,
    idHeader: 'x-amzn-requestid',
    statuses: [200, 400, 403, 413],
    isBody: (body, names, status) =>
      status === 200
        ? names === 'Plaintext' && base64.test(body.Plaintext)
        : /^__type(,[mM]essage)?$/.test(names),
  },
  'huawei-kms': {
    type: json,
    idHeader: 'x-request-id',
    statuses: [200, 400, 401, 403, 404, 405, 429],
    isBody(body, names, status, id) {
      if (status === 200) return names === 'random_data' && upperHex.test(body.random_data);
      if (names === 'error') return /^KMS\.\d{4}$/.test(body.error.error_code);
      const isFlat = names === 'error_code,error_msg,request_id';
      return isFlat && cloudCode.test(body.error_code) && body.request_id === id;
    },
  },
  vault: {
    type: json,
    idHeader: 'x-request-id',
    statuses: [200, 400, 403, 404, 405, 413, 429],
    isBody(body, names, status, id) {
      if (status !== 200) return names === 'errors' && isTextList(body.errors);
      const { request_id, data, warnings } = body;
      return (
        names === vaultMembers &&
        request_id === id &&
        base64.test(data.random_bytes) && // hexadecimal digits are base64 as well
        (warnings === null || isTextList(warnings))
      );
    },
  },
  pages: {
    type: /^(text\/(plain|html|css|javascript);.*|image\/svg\+xml|application\/json)$/,
    statuses: [200, 403, 404, 413],
    isBody: (_, names) => names === 'state,reason' || /,gateway$/.test(names),
  },
  malformed: {
    type: json,
    idHeader: 'x-request-id',
    statuses: [400, 405, 408, 413, 431], // 405: CONNECT
    isBody: (body, names, _, id) =>
      names === allMembers &&
      cloudCode.test(body.error_code) &&
      body.request_id === id &&
      isTextList(body.errors),
  },
};

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((e) => typeof e === 'string');
}

/**
 * Who answers a request that is one.
 * @param target as in the request line
 * @param names of its header fields
 * @returns undefined if the documentation leaves it open
 */
export function responderOf(
  method: string,
  target: string,
  names: readonly string[],
): Responder | undefined {
  const [path = ''] = target.split('?');
  if (!path.startsWith('/')) return undefined;
  if (names.some((name) => name.toLowerCase() === 'x-amz-target')) return 'aws-kms';
  const isRead = method === 'GET' || method === 'HEAD';
  if (isRead && (pages.includes(path) || path.startsWith('/page/'))) return 'pages';
  if (path.startsWith('/v1/')) return 'vault';
  return path === '/' ? 'aws-kms' : 'huawei-kms';
}

/** How an API writes random bytes. */
export type Encoding = 'base64' | 'hex';

/** The number of random bytes in an answer of any API; undefined if it has none. */
export function sizeOf({ body }: Answer, encoding: Encoding): number | undefined {
  const { Plaintext, random_data, data }: Json = body?.startsWith('{') ? JSON.parse(body) : {};
  const text: string | undefined = Plaintext ?? random_data ?? data?.random_bytes;
  return text === undefined ? undefined : Buffer.from(text, encoding).length;
}

/** Everybody who answers. */
export const responders = Object.keys(shapes) as readonly Responder[];

/**
 * @param allowed who may have answered
 * @returns what is wrong with an answer; undefined if nothing is
 */
export function faultOf(answer: Answer, allowed: readonly Responder[]): string | undefined {
  const { status, headers, body } = answer;
  if (status >= 500) return `status ${status}`;
  const date = Date.parse(headers.get('date') ?? '');
  if (!(Math.abs(date - Date.now()) < maxDateErrorMs)) return 'Date';
  if (headers.has('access-control-allow-origin')) return 'a CORS header';
  if (!/^\d+$/.test(headers.get('content-length') ?? '')) return 'Content-Length';
  const fits = allowed.some((each) => isAnswerOf(shapes[each], answer));
  return fits ? undefined : `not an answer of ${allowed.join(' or ')}: ${status} ${body}`;
}

function isAnswerOf(shape: Shape, { status, headers, body }: Answer): boolean {
  const type = headers.get('content-type') ?? '';
  if (!shape.type.test(type) || !shape.statuses.includes(status)) return false;
  const id = shape.idHeader === undefined ? undefined : (headers.get(shape.idHeader) ?? '');
  if (id !== undefined && !uuid.test(id)) return false;
  if (body === undefined || !type.includes('json')) return true;
  const members: Json = JSON.parse(body);
  return shape.isBody(members, Object.keys(members).join(), status, id);
}
