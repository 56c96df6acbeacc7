/** `POST /v1.0/{project_id}/kms/gen-random` of Open Telekom Cloud and Huawei Cloud. */
import { ServiceError } from '../../common/errors.js';
import {
  type Dialect,
  decodeRequest,
  encodeAnswer,
  encodeError,
  genRandomError,
  toServiceError,
} from '../../formats/gen-random.js';
import type { Access } from '../credentials/access.js';
import { jsonAnswer, parseJson } from '../json.js';
import { isFromWebPage, webPageText } from '../pages/browser-rules.js';
import type { Answer, GatewayRequest, RandomSource, Route } from '../route.js';
import { authorizeGenRandom, genRandomCaller } from './gen-random-access.js';

/** The API has no long member; the daemon's limit for a message is the same. */
const bodyLimitBytes = 64 * 1024;

const genRandomPath = /^\/v1\.0\/(?<projectId>[^/]+)\/kms\/gen-random$/;

/** What the route is built from. */
export interface GenRandomOptions {
  readonly client: RandomSource;
  /** Who may ask. */
  readonly access: Access;
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
  access,
  dialect,
  nodeSdkErrors = false,
}: GenRandomOptions): Route {
  return {
    api: 'gen-random',
    bodyLimitBytes,
    async answer(request) {
      const { size } = checkedRequest(request, dialect, access);
      request.facts.size = size;
      return answer(200, encodeAnswer(await client.random(size)), request.id);
    },
    refuse(error, requestId) {
      const failure = toServiceError(error);
      const members = encodeError(failure, { requestId, nodeSdkErrors });
      return { ...answer(failure.status, members, requestId), outcome: failure.code };
    },
  };
}

/** The API gateway comes first (path, authentication), then the service (JSON, members). */
function checkedRequest(
  request: GatewayRequest,
  dialect: Dialect,
  access: Access,
): { size: number } {
  if (isFromWebPage(request.headers)) throw new ServiceError('KMS.0326', 403, webPageText);
  const { projectId } = genRandomPath.exec(request.path)?.groups ?? {};
  if (projectId === undefined) throw genRandomError('APIGW.0101');
  if (request.method !== 'POST') throw genRandomError('KMS.0215');
  request.facts.operation = 'gen-random';
  const caller = genRandomCaller(request, access);
  request.facts.key = caller?.name ?? null;
  authorizeGenRandom(caller, projectId, access);
  return decodeRequest(parseJson(request.body, notJson), dialect);
}

const notJson = (options: ErrorOptions) => genRandomError('KMS.0202', options);

function answer(status: number, members: object, requestId: string): Answer<string> {
  return jsonAnswer(status, members, { 'x-request-id': requestId });
}
