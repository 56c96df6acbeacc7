/** `POST /` with X-Amz-Target: AWS KMS, of which GenerateRandom is served. */
import { ServiceError } from '../errors.js';
import {
  awsError,
  decodeRequest,
  encodeAnswer,
  encodeError,
  needsKms,
  toMembers,
  toServiceError,
} from '../formats/aws-kms.js';
import { isFromWebPage } from './browser-rules.js';
import type { Answer, GatewayRequest, RandomSource, Route } from './route.js';
import type { Upstream } from './upstream.js';

/** A request may carry a Recipient attestation document of 256 KiB, in base64. */
const bodyLimitBytes = 512 * 1024;

const awsJson = 'application/x-amz-json-1.1';
const target = 'TrentService.GenerateRandom';

/** Operations of KMS; a repeated header, which node:http joins by a comma, is none. */
const operation = /^TrentService\.[A-Za-z]{1,64}$/;

/** How the AWS side of the gateway differs from its defaults. */
export interface AwsOptions {
  /** Answers what is not served here; without it such requests are refused. */
  readonly upstream?: Upstream | undefined;
}

/**
 * The AWS KMS API.
 * @param client where the bytes come from
 * @returns a route, with errors as `{"__type":...}`
 */
export function awsRoute(client: RandomSource, { upstream }: AwsOptions = {}): Route {
  return {
    bodyLimitBytes,
    async answer(request) {
      const members = checkedMembers(request, upstream === undefined);
      const served = request.headers['x-amz-target'] === target;
      if (upstream !== undefined && (!served || needsKms(members)))
        return upstream.forward(request);
      const { size } = decodeRequest(members);
      return answer(200, encodeAnswer(await client.random(size)), request.id);
    },
    refuse(error, requestId) {
      const failure = toServiceError(error);
      return answer(failure.status, encodeError(failure), requestId);
    },
  };
}

/**
 * The service's order of checks: method, body, content type, JSON, target, authentication, members.
 * Web pages come before: not even an error of the service is for them.
 */
function checkedMembers(request: GatewayRequest, onlyServed: boolean): Record<string, unknown> {
  const { method, path, headers } = request;
  if (isFromWebPage(headers))
    throw new ServiceError('AccessDeniedException', 403, 'Requests of web pages are refused.');
  if (method !== 'POST' || path !== '/') throw awsError('UnknownOperationException');
  if (!isAwsJson(headers['content-type'])) throw awsError('UnknownOperationException'); // [G]
  const input = parseJson(request.body);
  const name = String(headers['x-amz-target']);
  if (onlyServed ? name !== target : !operation.test(name))
    throw awsError('UnknownOperationException');
  // Authentication belongs here.
  return toMembers(input);
}

/** RFC 9110 8.3.1: the media type's case does not matter, and parameters may follow. */
function isAwsJson(contentType = ''): boolean {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() === awsJson;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (cause) {
    throw awsError('SerializationException', { cause });
  }
}

function answer(status: number, members: object, requestId: string): Answer<string> {
  return {
    status,
    headers: { 'Content-Type': awsJson, 'x-amzn-RequestId': requestId },
    body: JSON.stringify(members),
  };
}
