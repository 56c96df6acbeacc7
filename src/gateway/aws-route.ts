/** `POST /` with X-Amz-Target: AWS KMS, of which GenerateRandom is served. */
import { ServiceError } from '../errors.js';
import {
  awsError,
  decodeRequest,
  encodeAnswer,
  encodeError,
  toServiceError,
} from '../formats/aws-kms.js';
import { isFromWebPage } from './browser-rules.js';
import type { Answer, GatewayRequest, RandomSource, Route } from './route.js';

/** A request may carry a Recipient attestation document of 256 KiB, in base64. */
const bodyLimitBytes = 512 * 1024;

const awsJson = 'application/x-amz-json-1.1';
const target = 'TrentService.GenerateRandom';

/**
 * The AWS KMS API.
 * @param client where the bytes come from
 * @returns a route, with errors as `{"__type":...}`
 */
export function awsRoute(client: RandomSource): Route {
  return {
    bodyLimitBytes,
    async answer(request) {
      const { size } = checkedRequest(request);
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
function checkedRequest(request: GatewayRequest): { size: number } {
  const { method, path, headers } = request;
  if (isFromWebPage(headers))
    throw new ServiceError('AccessDeniedException', 403, 'Requests of web pages are refused.');
  if (method !== 'POST' || path !== '/') throw awsError('UnknownOperationException');
  if (!isAwsJson(headers['content-type'])) throw awsError('UnknownOperationException'); // [G]
  const input = parseJson(request.body);
  if (headers['x-amz-target'] !== target) throw awsError('UnknownOperationException');
  // Authentication belongs here.
  return decodeRequest(input);
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

function answer(status: number, members: object, requestId: string): Answer {
  return {
    status,
    headers: { 'Content-Type': awsJson, 'x-amzn-RequestId': requestId },
    body: JSON.stringify(members),
  };
}
