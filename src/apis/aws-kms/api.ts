/** `POST /` with X-Amz-Target: AWS KMS, of which GenerateRandom is served. */
import type { Readable } from 'node:stream';
import { ServiceError } from '../../common/errors.js';
import type { Access } from '../../gateway/auth/credentials.js';
import { type Credential, isSessionOf, nobodysSecretKey } from '../../gateway/auth/credentials.js';
import { isFromWebPage, webPageText } from '../../gateway/browser-guard.js';
import {
  type Answer,
  type GatewayRequest,
  jsonAnswer,
  parseJson,
  type RandomSource,
  type Route,
} from '../api.js';
import { allowsForwarding, type RandomOperation } from '../operations.js';
import { readSigV4, type SigV4Claim, verifySigV4 } from '../signing/sigv4.js';
import {
  accessDenied,
  awsError,
  decodeRequest,
  encodeAnswer,
  encodeError,
  needsKms,
  toMembers,
  toServiceError,
} from './format.js';
import type { Upstream } from './upstream/upstream.js';

/** A request may carry a Recipient attestation document of 256 KiB, in base64. */
const bodyLimitBytes = 512 * 1024;

const awsJson = 'application/x-amz-json-1.1';

/** What is served here. */
const generateRandom = 'GenerateRandom';

/** Operations of KMS; a repeated header, which node:http joins by a comma, is none. */
const target = /^TrentService\.([A-Za-z]{1,64})$/;

/** What the route is built from, besides the source of its bytes. */
export interface AwsOptions {
  /** Who may ask. */
  readonly access: Access;
  /** Answers what is not served here; without it such requests are refused. */
  readonly upstream?: Upstream | undefined;
}

/**
 * The AWS KMS API.
 * @param client where the bytes come from
 * @returns a route, with errors as `{"__type":...}`
 */
export function awsRoute(client: RandomSource, { access, upstream }: AwsOptions): Route {
  return {
    api: 'aws-kms',
    bodyLimitBytes,
    async answer(request) {
      const { facts } = request;
      const { operation, input } = checkedRequest(request);
      if (upstream === undefined && operation !== generateRandom)
        throw awsError('UnknownOperationException');
      facts.operation = operation;
      const caller = awsCaller(request, access);
      facts.key = caller?.name ?? null;
      const members = toMembers(input);
      if (upstream !== undefined && (operation !== generateRandom || needsKms(members))) {
        authorizeForwarding(caller, operation, access);
        return forwarded(await upstream.forward(request));
      }
      authorizeAws(caller, generateRandom, access);
      const { size } = decodeRequest(members);
      facts.size = size;
      return answer(200, encodeAnswer(await client.random(size)), request.id);
    },
    refuse(error, requestId) {
      const failure = toServiceError(error);
      return {
        ...answer(failure.status, encodeError(failure), requestId),
        outcome: failure.code,
      };
    },
  };
}

/**
 * The service's order of checks: method, body, content type, JSON, target; then authentication, and
 * the members at last. Web pages come before: not even an error of the service is for them.
 */
function checkedRequest(request: GatewayRequest): { operation: string; input: unknown } {
  const { method, path, headers } = request;
  if (isFromWebPage(headers)) throw new ServiceError('AccessDeniedException', 403, webPageText);
  if (method !== 'POST' || path !== '/') throw awsError('UnknownOperationException');
  if (!isAwsJson(headers['content-type'])) throw awsError('UnknownOperationException'); // [G]
  const input = parseJson(request.body, notJson);
  const operation = target.exec(String(headers['x-amz-target']))?.[1];
  if (operation === undefined) throw awsError('UnknownOperationException');
  return { operation, input };
}

/** The upstream's errors have their own form, which only its status tells here. */
function forwarded(answer: Answer<Readable>): Answer {
  return answer.status < 400 ? answer : { ...answer, outcome: `upstream ${answer.status}` };
}

/** RFC 9110 8.3.1: the media type's case does not matter, and parameters may follow. */
function isAwsJson(contentType = ''): boolean {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() === awsJson;
}

const notJson = (options: ErrorOptions) => awsError('SerializationException', options);

function answer(status: number, members: object, requestId: string): Answer<string> {
  return jsonAnswer(status, members, { 'Content-Type': awsJson, 'x-amzn-RequestId': requestId });
}

// Authentication and authorization of AWS KMS requests: Signature Version 4 and its errors.

/**
 * Who asks.
 * @returns the credential that signed the request; undefined where the gateway is open: then the
 *   signature is well-formed, and nobody is known
 * @throws ServiceError of {@link readSigV4} and {@link verifySigV4};
 *   `UnrecognizedClientException` for an unknown key and for another session token than the key's,
 *   `ExpiredTokenException`
 */
export function awsCaller(request: GatewayRequest, access: Access): Credential | undefined {
  const { credentials, derivedKeys, regions } = access;
  const claim = readSigV4(request, regions.length === 0 ? {} : { regions });
  if (credentials === undefined) return undefined;
  const key = credentials.key(claim.accessKey);
  const now = access.now();
  if (key === undefined) {
    verifyForNobody(request, claim, now, derivedKeys);
    throw awsError('UnrecognizedClientException');
  }
  verifySigV4(request, claim, key.secretKey, now, derivedKeys);
  if (!isSessionOf(key, claim.sessionToken)) throw awsError('UnrecognizedClientException');
  if (now >= key.expiresAt) throw awsError('ExpiredTokenException');
  return key;
}

/**
 * Whether the caller may have an operation that is served here, now.
 * @throws ServiceError `AccessDeniedException`, `ThrottlingException`
 */
export function authorizeAws(
  caller: Credential | undefined,
  operation: RandomOperation,
  access: Access,
): void {
  if (caller === undefined) return;
  if (!caller.allow.has(operation)) throw accessDenied(arnOf(caller), operation);
  if (!access.take(caller)) throw awsError('ThrottlingException');
}

/**
 * Whether the caller may have an operation of the upstream, now. It may come with the gateway's own
 * rights there, so that nobody unknown may.
 * @param operation such as `Decrypt`
 * @throws ServiceError `AccessDeniedException`, `ThrottlingException`
 */
export function authorizeForwarding(
  caller: Credential | undefined,
  operation: string,
  access: Access,
): void {
  if (caller === undefined || !allowsForwarding(caller.allow, operation))
    throw accessDenied(arnOf(caller), operation);
  if (!access.take(caller)) throw awsError('ThrottlingException');
}

/** Takes the time that a known key would: answers do not tell which keys there are sooner. */
function verifyForNobody(
  request: GatewayRequest,
  claim: SigV4Claim,
  now: number,
  derivedKeys: Access['derivedKeys'],
): void {
  try {
    verifySigV4(request, claim, nobodysSecretKey, now, derivedKeys);
  } catch {
    // Whatever it says, the key is unknown.
  }
}

/** There is no account here; the text of AWS names one. */
function arnOf(caller: Credential | undefined): string {
  return `arn:aws:iam::000000000000:user/${caller?.name ?? 'anonymous'}`;
}
