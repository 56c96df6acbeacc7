/** `POST /v1.0/{project_id}/kms/gen-random` of Open Telekom Cloud and Huawei Cloud. */
import { ServiceError } from '../errors.js';
import {
  type Dialect,
  decodeRequest,
  encodeAnswer,
  encodeError,
  genRandomError,
  toServiceError,
} from '../formats/gen-random.js';
import { isFromWebPage } from './browser-rules.js';
import type { Answer, GatewayRequest, RandomSource, Route } from './route.js';

/** The API has no long member; the daemon's limit for a message is the same. */
const bodyLimitBytes = 64 * 1024;

const genRandomPath = /^\/v1\.0\/[^/]+\/kms\/gen-random$/;

/** What the route is built from. */
export interface GenRandomOptions {
  readonly client: RandomSource;
  readonly dialect: Dialect;
  /** Adds to nested errors what Huawei's SDK for Node.js reads. */
  readonly nodeSdkErrors?: boolean;
}

/**
 * The gen-random API. Paths that are no API of ours are answered here too, as the clouds' API
 * gateway answers them.
 */
export function genRandomRoute({
  client,
  dialect,
  nodeSdkErrors = false,
}: GenRandomOptions): Route {
  return {
    bodyLimitBytes,
    async answer(request) {
      const { size } = checkedRequest(request, dialect);
      return answer(200, encodeAnswer(await client.random(size)), request.id);
    },
    refuse(error, requestId) {
      const failure = toServiceError(error);
      return answer(failure.status, encodeError(failure, { requestId, nodeSdkErrors }), requestId);
    },
  };
}

/** The API gateway comes first (path, authentication), then the service (JSON, members). */
function checkedRequest(request: GatewayRequest, dialect: Dialect): { size: number } {
  if (isFromWebPage(request.headers))
    throw new ServiceError('KMS.0326', 403, 'Requests of web pages are refused.');
  if (!genRandomPath.test(request.path)) throw genRandomError('APIGW.0101');
  if (request.method !== 'POST') throw genRandomError('KMS.0215');
  // Authentication belongs here.
  return decodeRequest(parseJson(request.body), dialect);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (cause) {
    throw genRandomError('KMS.0202', { cause });
  }
}

function answer(status: number, members: object, requestId: string): Answer<string> {
  return {
    status,
    headers: { 'Content-Type': 'application/json', 'x-request-id': requestId },
    body: JSON.stringify(members),
  };
}
