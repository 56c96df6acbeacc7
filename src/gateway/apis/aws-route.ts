/** `POST /` with X-Amz-Target: AWS KMS, of which GenerateRandom is served. */
import type { Readable } from 'node:stream';
import { ServiceError } from '../../common/errors.js';
import {
  awsError,
  decodeRequest,
  encodeAnswer,
  encodeError,
  needsKms,
  toMembers,
  toServiceError,
} from '../../formats/aws-kms.js';
import type { Access } from '../credentials/access.js';
import { jsonAnswer, parseJson } from '../json.js';
import { isFromWebPage, webPageText } from '../pages/browser-rules.js';
import type { Answer, GatewayRequest, RandomSource, Route } from '../route.js';
import type { Upstream } from '../upstream/upstream.js';
import { authorizeAws, authorizeForwarding, awsCaller } from './aws-access.js';

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
