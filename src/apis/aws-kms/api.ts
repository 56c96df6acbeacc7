/** `POST /` with X-Amz-Target: AWS KMS, of which GenerateRandom is served; an upstream has the rest. */
import { ServiceError } from '../../common/errors.js';
import type {
  Api,
  ApiEntry,
  ApiRequest,
  ApiResponse,
  ErrorReason,
  Example,
  Head,
  Place,
} from '../api.js';
import { createSigningKeys } from '../signing/sigv4.js';
import { errorReason, jsonResponse, parseJson, thrownBy, webPageText } from '../toolkit.js';
import { checkUpstreamCallers } from '../upstream/endpoint.js';
import { countUpstream, forwarded, type Upstream } from '../upstream/upstream.js';
import { authorize, authorizeForwarding, callerOf, forwarding, generateRandom } from './access.js';
import { awsError, encodeError, toServiceError } from './errors.js';
import { decodeRequest, encodeResponse, needsKms, toMembers } from './format.js';
import {
  encodeOtherError,
  notServed,
  unknownMediaType,
  unreadStatus,
  wrongPath,
} from './unserved.js';
import { awsService, createAwsUpstream } from './upstream.js';

/** A request may carry a Recipient attestation document of 256 KiB, in base64. */
const bodyLimitBytes = 512 * 1024;

const awsJson = 'application/x-amz-json-1.1';

/** [S] What the service sends with every response. */
const caching = {
  'Cache-Control': 'no-cache, no-store, must-revalidate, private',
  Expires: '0',
  Pragma: 'no-cache',
};

/**
 * What must be signed besides Host. Without an upstream a changed target gains nothing: one operation is
 * served. With one it could turn an Encrypt into another operation with the same members.
 */
const signedForUpstream = ['x-amz-target'];

/** Operations of KMS. A repeated header, which node:http joins with a comma, names none. */
const target = /^TrentService\.([A-Za-z]{1,64})$/;

/** Example commands need a region; any is accepted unless some are configured. */
const anyRegion = 'eu-central-1';

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

/** A signature that an open gateway accepts: well-formed, and nobody's. */
const anySignature =
  'AWS4-HMAC-SHA256 Credential=any/20260101/eu-central-1/kms/aws4_request, ' +
  `SignedHeaders=host;x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`;

/** The part of the configuration that this API reads. */
export type AwsKmsSettings = {
  /** URL of the endpoint that answers everything but GenerateRandom. */
  readonly upstream?: string | undefined;
  /** Whether to sign what goes there; default: if it is the real service. */
  readonly upstreamResign?: boolean | undefined;
  /** Scopes that signatures may have; none: any. */
  readonly regions?: readonly string[] | undefined;
  /** The credentials file; an upstream requires one. */
  readonly credentials?: string | undefined;
  /** Whether an upstream that is an emulator requires none. */
  readonly insecureNetwork?: boolean | undefined;
};

export const awsKms = {
  name: 'aws-kms',
  operations: [
    { name: generateRandom, byDefault: true },
    { name: forwarding, byDefault: false },
    { name: `${forwarding}:Decrypt`, byDefault: false, pattern: /^upstream:[A-Za-z]{1,64}$/ },
  ],
  sample: {
    method: 'POST',
    path: '/',
    headers: {
      'Content-Type': awsJson,
      'X-Amz-Target': `TrentService.${generateRandom}`,
      'X-Amz-Date': '20260101T000000Z',
      Authorization: anySignature,
    },
    body: '{"NumberOfBytes":32}',
  },
  create({
    upstream: url,
    upstreamResign,
    regions,
    credentials,
    insecureNetwork = false,
  }: AwsKmsSettings): Api {
    const upstream =
      url === undefined ? undefined : createAwsUpstream({ url, resign: upstreamResign });
    checkUpstreamCallers(awsService, upstream, credentials !== undefined, insecureNetwork);
    return createAwsKms({
      upstream,
      regions,
      isUpstreamOpen: insecureNetwork && upstream?.isEmulator,
    });
  },
} satisfies ApiEntry;

/** What the API is made of. */
export interface AwsKmsOptions {
  /** Answers what is not served here, and ends with the API; without it such requests are refused. */
  readonly upstream?: Upstream | undefined;
  /** Whether an open gateway's callers, whom nobody knows, may use it. */
  readonly isUpstreamOpen?: boolean | undefined;
  /** As in {@link AwsKmsSettings}. */
  readonly regions?: readonly string[] | undefined;
}

/** The AWS KMS API; its errors are `{"__type":...}`. */
export function createAwsKms({
  upstream: endpoint,
  isUpstreamOpen = false,
  regions = [],
}: AwsKmsOptions): Api {
  const keys = createSigningKeys();
  const upstream = endpoint && countUpstream(endpoint, awsKms.name);
  const rules = { regions, keys, mustSign: upstream === undefined ? [] : signedForUpstream };
  return {
    bodyLimitBytes,
    // The header marks an AWS client whatever the path.
    claim({ headers, path }) {
      if (headers['x-amz-target'] !== undefined) return 'header';
      return path === '/' ? 'path' : 'no';
    },
    async answer(request, { random, access }) {
      const { audit } = request;
      const { operation, input } = checkedRequest(request);
      if (upstream === undefined && operation !== generateRandom) throw notServed(operation);
      audit.operation = operation;
      const caller = callerOf(request, access, rules);
      audit.key = caller?.name ?? null;
      const members = toMembers(input);
      if (upstream !== undefined && (operation !== generateRandom || needsKms(members))) {
        const isAnyones = isUpstreamOpen && caller === undefined;
        if (!isAnyones) authorizeForwarding(caller, operation, access);
        return forwarded(await upstream.forward(request));
      }
      authorize(caller, access);
      const { size } = decodeRequest(members);
      audit.size = size;
      return respond(200, encodeResponse(await random(size)), request.id);
    },
    refuse(failure, { id, headers }) {
      const error =
        failure.kind === 'webPage'
          ? new ServiceError('AccessDeniedException', 403, webPageText)
          : toServiceError(thrownBy(failure));
      return {
        ...(error.status === unreadStatus
          ? respondOther(error, mediaTypeOf(headers), id)
          : respond(error.status, encodeError(error), id)),
        error: { code: error.code, reason: errorReason(failure, reasons) },
      };
    },
    malformed: (text, id) => ({
      headers: { 'x-amzn-RequestId': id },
      // boto reads the type from nowhere else.
      members: { __type: 'SerializationException', message: text },
    }),
    examples: (at) => examples(at, regions[0] ?? anyRegion),
    metrics: (page) => upstream?.metrics(page),
    forget: () => keys.clear(),
    close: async () => upstream?.close(),
  };
}

/**
 * The service's order of checks: content type, method, JSON, target; then authentication, and the members
 * last.
 */
function checkedRequest(request: ApiRequest): { operation: string; input: unknown } {
  const { method, path, headers } = request;
  if (mediaTypeOf(headers) !== awsJson) throw unknownMediaType();
  if (method !== 'POST') throw awsError('UnknownOperationException');
  if (path !== '/') throw wrongPath();
  const input = parseJson(request.body, (options) => awsError('SerializationException', options));
  const operation = target.exec(String(headers['x-amz-target']))?.[1];
  if (operation === undefined) throw awsError('UnknownOperationException');
  return { operation, input };
}

/** RFC 9110 8.3.1: the media type's case does not matter, and parameters may follow. */
function mediaTypeOf({ 'content-type': contentType = '' }: Head['headers']): string {
  return contentType.split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function respond(status: number, content: object, requestId: string): ApiResponse {
  return jsonResponse(status, content, {
    'Content-Type': awsJson,
    'x-amzn-RequestId': requestId,
    ...caching,
  });
}

/** An error of a request that does not speak JSON 1.1. */
function respondOther(error: ServiceError, mediaType: string, requestId: string): ApiResponse {
  const { contentType, body } = encodeOtherError(error, mediaType);
  const type = contentType === undefined ? {} : { 'Content-Type': contentType };
  return {
    status: error.status,
    headers: { ...type, 'x-amzn-RequestId': requestId, ...caching },
    body,
  };
}

function examples({ url, verifies }: Place, region: string): readonly Example[] {
  const keys = verifies ? '' : 'AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any ';
  const user = verifies ? '"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"' : 'any:any';
  const note = verifies
    ? 'A key of the credentials file, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.'
    : 'Any key is accepted.';
  return [
    {
      title: 'AWS KMS GenerateRandom, with the aws command',
      note,
      command: `${keys}aws kms generate-random --number-of-bytes 32 --region ${region} --endpoint-url ${url}`,
      hasUrl: true,
    },
    {
      title: 'AWS KMS GenerateRandom, with curl',
      note,
      command: `curl --aws-sigv4 aws:amz:${region}:kms --user ${user} -H 'Content-Type: ${awsJson}' -H 'X-Amz-Target: TrentService.GenerateRandom' -d '{"NumberOfBytes":32}' ${url}/`,
      hasUrl: true,
    },
  ];
}
