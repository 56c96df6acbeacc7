/** The parts of an AWS signature, found in the Authorization header or in the query. Pure. */
import {
  type Authorization,
  formatBasicTime,
  type HeaderFields,
  type ParsedRequest,
  parseBasicTime,
  type QueryParameter,
} from './canonical-request.js';
import {
  badDate,
  badLifetime,
  headerParts,
  incompleteHeader,
  incompleteQuery,
  notKeyValue,
  queryParts,
  repeated,
  twoSignatures,
} from './sigv4-errors.js';

/** How far a client's clock may be off, and how long a signature lives: by the live service's text. */
export const windowMs = 5 * 60_000;

/** API reference, X-Amz-Expires: seconds, a week at most. */
const maxLifetimeSeconds = 604_800;
const lifetimeForm = /^[1-9]\d{0,5}$/;

/** Length of an IMF-fixdate, RFC 9110 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`. */
const httpDateLength = 29;

/** Fields of which a second one could mean something else to another reader of the request. */
const singleFields = [
  'authorization',
  'host',
  'date',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
] as const;

/** A signature's parts, wherever they were. */
export interface SignatureParts {
  readonly algorithm: string;
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
  /** Milliseconds since the epoch, and the same in ISO 8601 basic format. */
  readonly time: number;
  readonly timestamp: string;
  readonly lifetimeMs: number;
  readonly sessionToken: string | undefined;
  /** The part of the query that is signed. */
  readonly query: readonly QueryParameter[];
}

/**
 * Finds the parts. The texts, and the order in which faults are looked for, are the live services'.
 * @param missing makes the error for a request without a signature
 * @throws `missing()`; ServiceError `IncompleteSignatureException`, `InvalidSignatureException`
 */
export function readSignatureParts(
  { fields, query, authorization }: ParsedRequest,
  missing: () => Error,
): SignatureParts {
  for (const name of singleFields) if ((fields.get(name)?.length ?? 0) > 1) throw repeated(name);
  const inQuery = query.some(([name]) => name === 'X-Amz-Algorithm');
  if (authorization !== undefined && inQuery) throw twoSignatures();
  if (inQuery) return partsOfQuery(query);
  // [S] a scheme that is not AWS's counts as none.
  if (!authorization?.text.startsWith('AWS4-')) throw missing();
  return partsOfHeader(authorization, fields, query);
}

function partsOfHeader(
  { text, scheme, parameters, ...faults }: Authorization,
  fields: HeaderFields,
  query: readonly QueryParameter[],
): SignatureParts {
  if (faults.malformed !== undefined) throw notKeyValue(faults.malformed, text);
  if (faults.repeated !== undefined) throw repeated(faults.repeated);
  const [credential, signature, signedHeaders] = headerParts.map((name) => parameters.get(name));
  const [amzDate] = fields.get('x-amz-date') ?? [];
  const date = amzDate ?? fields.get('date')?.[0];
  if (!credential || !signature || !signedHeaders || date === undefined)
    throw incompleteHeader(
      headerParts.filter((name) => !parameters.get(name)),
      date === undefined,
      text,
    );
  return {
    algorithm: scheme,
    credential,
    signedHeaders,
    signature,
    // Date need not be a signed header: the time is in the string to sign.
    ...(amzDate === undefined ? parseDate(date) : parseAmzDate(date)),
    lifetimeMs: windowMs,
    sessionToken: fields.get('x-amz-security-token')?.[0],
    query,
  };
}

/**
 * All of the query but the signature is signed. [D] Some services want the session token to be added after
 * signing; every SDK's presigner for KMS signs it. A token that is not signed is refused: nothing in the query
 * says so, and every request would have to be verified twice.
 */
function partsOfQuery(query: readonly QueryParameter[]): SignatureParts {
  const parameters = new Map<string, string>();
  for (const [name, value] of query) {
    if (name.startsWith('X-Amz-') && parameters.has(name)) throw repeated(name);
    parameters.set(name, value);
  }
  const [algorithm, credential, signature, signedHeaders, date] = queryParts.map((name) =>
    parameters.get(name),
  );
  if (!algorithm || !credential || !signature || !signedHeaders || !date)
    throw incompleteQuery(queryParts.filter((name) => !parameters.get(name)));
  return {
    algorithm,
    credential,
    signedHeaders,
    signature,
    ...parseAmzDate(date),
    lifetimeMs: lifetimeOf(parameters.get('X-Amz-Expires')),
    sessionToken: parameters.get('X-Amz-Security-Token'),
    query: query.filter(([name]) => name !== 'X-Amz-Signature'),
  };
}

/**
 * A link may ask for a week. It gets five minutes all the same: nothing remembers which links have
 * been used, and whoever finds one in a log could keep drawing bytes on its owner's account.
 */
function lifetimeOf(expires: string | undefined): number {
  if (expires === undefined) return windowMs;
  if (!lifetimeForm.test(expires) || Number(expires) > maxLifetimeSeconds)
    throw badLifetime(maxLifetimeSeconds);
  return Math.min(Number(expires) * 1000, windowMs);
}

function parseAmzDate(text: string): Pick<SignatureParts, 'time' | 'timestamp'> {
  const time = parseBasicTime(text);
  if (time === undefined) throw badDate(text);
  return { time, timestamp: text };
}

/** Date has either the form of X-Amz-Date or that of HTTP. */
function parseDate(text: string): Pick<SignatureParts, 'time' | 'timestamp'> {
  if (text.length !== httpDateLength) return parseAmzDate(text);
  const date = new Date(text);
  // Date.parse accepts many more forms; only the right one comes back the same.
  if (date.toUTCString() !== text) throw badDate(text);
  return { time: date.getTime(), timestamp: formatBasicTime(date.getTime()) };
}
