/**
 * The protocol awsJson1_1 over HTTP: `POST /` with X-Amz-Target, the order of its checks, and the forms of
 * its responses. What each service is called and says is an argument.
 *
 * Sources: [S] recorded from the live service (KMS), [C] recorded from a sibling of it behind the same
 * front end (Kinesis).
 */
import { ServiceError } from '../../common/errors.js';
import type { Api, ApiResponse, ErrorReason, Failure, Head } from '../api.js';
import { errorReason, jsonResponse, parseJson, thrownBy, webPageText } from '../toolkit.js';
import { commonError } from './errors.js';

/** The media type of requests and responses. */
export const awsJson = 'application/x-amz-json-1.1';

/** [S] What the service sends with every response. */
const caching = {
  'Cache-Control': 'no-cache, no-store, must-revalidate, private',
  Expires: '0',
  Pragma: 'no-cache',
};

/** [C] The front end's status if it reads no operation from a media type; the services never use it. */
const unreadStatus = 404;

/** Example commands need a region; any is accepted unless some are configured. */
export const anyRegion = 'eu-central-1';

/** Prefixes of the targets of the services that have a folder, by their names in a signature's scope. */
export const targetPrefixes = { kms: 'TrentService', secretsmanager: 'secretsmanager' } as const;

/** Codes that are not a fault of the request's form. */
const reasons: ReadonlyMap<string, ErrorReason> = new Map([
  ['MissingAuthenticationTokenException', 'authentication'],
  ['IncompleteSignatureException', 'authentication'],
  ['InvalidSignatureException', 'authentication'],
  ['UnrecognizedClientException', 'authentication'],
  ['ExpiredTokenException', 'authentication'],
  ['AccessDeniedException', 'forbidden'],
  ['ThrottlingException', 'throttled'],
]);

/** A service as its clients know it. */
export interface AwsService {
  /** For people: `AWS KMS`. */
  readonly title: string;
  /** In a signature's scope. */
  readonly scope: keyof typeof targetPrefixes;
  /** A failure in the service's terms. */
  toServiceError(error: unknown): ServiceError;
  /** The members of an error's body. */
  encodeError(error: ServiceError): Record<string, string>;
}

/** X-Amz-Target as it came; '' if there is none. A repeated one has commas, hence names no operation. */
function targetOf({ 'x-amz-target': target }: Head['headers']): string {
  return String(target ?? '');
}

/** Whether a request names a service, by X-Amz-Target, whatever its path. */
export function isFor(scope: AwsService['scope'], { headers }: Head): boolean {
  return targetOf(headers).startsWith(`${targetPrefixes[scope]}.`);
}

/**
 * The operation and the body of a request. The service's order of checks: content type, method, JSON,
 * target; then authentication, and the members last, both of which are the caller's.
 * @throws ServiceError `UnknownOperationException`, `SerializationException`
 */
export function readOperation(
  { method, path, headers, body }: Head & { readonly body: Buffer },
  { title, scope }: AwsService,
): { operation: string; input: unknown } {
  if (mediaTypeOf(headers) !== awsJson)
    throw new ServiceError('UnknownOperationException', unreadStatus, '');
  if (method !== 'POST') throw commonError('UnknownOperationException');
  if (path !== '/')
    // Only a client with such an endpoint sends it; the text is ours.
    throw new ServiceError(
      'UnknownOperationException',
      400,
      `${title} is served at the path / only. Use an endpoint URL without a path.`,
    );
  const input = parseJson(body, (options) => commonError('SerializationException', options));
  const [prefix, operation = '', ...rest] = targetOf(headers).split('.');
  if (prefix !== targetPrefixes[scope] || !/^[A-Za-z]{1,64}$/.test(operation) || rest.length > 0)
    throw commonError('UnknownOperationException');
  return { operation, input };
}

/** RFC 9110 8.3.1: the media type's case does not matter, and parameters may follow. */
function mediaTypeOf({ 'content-type': contentType = '' }: Head['headers']): string {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** A response in JSON 1.1. */
export function respond(status: number, content: object, requestId: string): ApiResponse {
  return jsonResponse(status, content, {
    'Content-Type': awsJson,
    'x-amzn-RequestId': requestId,
    ...caching,
  });
}

/** A failure as the service's clients read it. */
export function refuse(service: AwsService, failure: Failure, { id, headers }: Head): ApiResponse {
  const error =
    failure.kind === 'webPage'
      ? new ServiceError('AccessDeniedException', 403, webPageText)
      : service.toServiceError(thrownBy(failure));
  return {
    ...(error.status === unreadStatus
      ? respondUnread(error, mediaTypeOf(headers), id)
      : respond(error.status, service.encodeError(error), id)),
    error: { code: error.code, reason: errorReason(failure, reasons) },
  };
}

/** [C] An error of a request that does not speak JSON 1.1: in an older form of JSON, or XML. */
function respondUnread({ code, status }: ServiceError, type: string, id: string): ApiResponse {
  const isJson = type === 'application/json';
  const output = { __type: `com.amazon.coral.service#${code}` };
  return {
    status,
    headers: { ...(isJson && { 'Content-Type': type }), 'x-amzn-RequestId': id, ...caching },
    body: isJson ? JSON.stringify({ Output: output, Version: '1.0' }) : `<${code}/>\n`,
  };
}

/** What a client reads if its bytes are not even an HTTP request. */
export const malformed: NonNullable<Api['malformed']> = (text, id) => ({
  headers: { 'x-amzn-RequestId': id },
  // boto reads the type from nowhere else.
  members: { __type: 'SerializationException', message: text },
});

/** A request's headers for `npm start`: a signature that an open gateway accepts, well-formed, and nobody's. */
export function sampleHeaders(scope: AwsService['scope'], operation: string) {
  return {
    'Content-Type': awsJson,
    'X-Amz-Target': `${targetPrefixes[scope]}.${operation}`,
    'X-Amz-Date': '20260101T000000Z',
    Authorization:
      `AWS4-HMAC-SHA256 Credential=any/20260101/${anyRegion}/${scope}/aws4_request, ` +
      `SignedHeaders=host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`,
  };
}

/** What to know about the keys of example commands, and how the aws command and curl are given one. */
export function exampleKeys(verifies: boolean): { note: string; variables: string; user: string } {
  return verifies
    ? {
        note: 'A key of the credentials file, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
        variables: '',
        user: '"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
      }
    : {
        note: 'Any key is accepted.',
        variables: 'AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any ',
        user: 'any:any',
      };
}
