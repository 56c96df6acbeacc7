/** KMS of Open Telekom Cloud and Huawei Cloud, of which gen-random is served; an upstream has the rest. */
import { ServiceError } from '../../common/errors.js';
import type {
  Access,
  Api,
  ApiEntry,
  ApiRequest,
  ApiResponse,
  ErrorReason,
  Example,
  Head,
  Place,
} from '../api.js';
import {
  errorReason,
  jsonResponse,
  parseJson,
  shellWord,
  thrownBy,
  webPageText,
} from '../toolkit.js';
import { checkUpstreamCallers } from '../upstream/endpoint.js';
import { countUpstream, forwarded, type Upstream } from '../upstream/upstream.js';
import { authorize, callerOf, forwarding, genRandom, withoutKnownToken } from './access.js';
import {
  type Dialect,
  decodeRequest,
  encodeError,
  encodeResponse,
  genRandomError,
  toServiceError,
} from './format.js';
import {
  createHuaweiUpstream,
  type HuaweiOperation,
  huaweiOperation,
  huaweiService,
  operationForm,
} from './upstream.js';

/** The API has no long member; the daemon's limit for a message is the same. */
const bodyLimitBytes = 64 * 1024;

const genRandomPath = /^\/v1\.0\/(?<projectId>[^/]+)\/kms\/gen-random$/;

/** Codes that are not a fault of the request's form. */
const reasons: ReadonlyMap<string, ErrorReason> = new Map([
  ['APIGW.0301', 'authentication'],
  ['KMS.0301', 'authentication'],
  ['KMS.0321', 'forbidden'],
  ['KMS.0326', 'forbidden'],
  ['KMS.0330', 'forbidden'],
  ['APIGW.0308', 'throttled'],
]);

/** [G] the number that Huawei's API gateway gives to all that it cannot take as a request. */
const unreadableCode = 'APIGW.0201';

/** 32 bytes do not exist in the dialect `otc`: it gives 64 and nothing else. */
const sampleBody = '{"random_data_length":"512"}';

/** The part of the configuration that this API reads. */
export type HuaweiKmsSettings = {
  readonly dialect: Dialect;
  /** Adds to nested errors what Huawei's SDK for Node.js reads. */
  readonly nodeSdkErrors?: boolean | undefined;
  /** URL of the endpoint that answers everything but gen-random. */
  readonly huaweiUpstream?: string | undefined;
  /** Whether to sign what goes there; default: if it is the real service. */
  readonly huaweiUpstreamResign?: boolean | undefined;
  /** The credentials file; an upstream requires one. */
  readonly credentials?: string | undefined;
  /** Whether an upstream that is an emulator requires none. */
  readonly insecureNetwork?: boolean | undefined;
};

export const huaweiKms = {
  name: 'huawei-kms',
  operations: [
    { name: genRandom, byDefault: true },
    { name: forwarding, byDefault: false },
    { name: `${forwarding}:decrypt-data`, byDefault: false, pattern: operationForm },
  ],
  sample: {
    method: 'POST',
    path: '/v1.0/project/kms/gen-random',
    headers: { 'Content-Type': 'application/json', 'X-Auth-Token': 'any' },
    body: sampleBody,
  },
  create({
    dialect,
    nodeSdkErrors,
    huaweiUpstream: url,
    huaweiUpstreamResign: resign,
    credentials,
    insecureNetwork = false,
  }: HuaweiKmsSettings): Api {
    const upstream = url === undefined ? undefined : createHuaweiUpstream({ url, resign });
    checkUpstreamCallers(huaweiService, upstream, credentials !== undefined, insecureNetwork);
    return createHuaweiKms({
      dialect,
      nodeSdkErrors,
      upstream,
      isUpstreamOpen: insecureNetwork && upstream?.isEmulator,
    });
  },
} satisfies ApiEntry;

/** What the API is made of. */
export interface HuaweiKmsOptions extends Pick<HuaweiKmsSettings, 'dialect' | 'nodeSdkErrors'> {
  /** Answers what is not served here, and ends with the API; without it such requests are refused. */
  readonly upstream?: Upstream | undefined;
  /** Whether an open gateway's callers, whom nobody knows, may use it. */
  readonly isUpstreamOpen?: boolean | undefined;
}

/** The KMS API of both clouds. */
export function createHuaweiKms({
  dialect,
  nodeSdkErrors = false,
  upstream: endpoint,
  isUpstreamOpen = false,
}: HuaweiKmsOptions): Api {
  const upstream = endpoint && countUpstream(endpoint, huaweiKms.name);
  const operationOf = (head: Pick<Head, 'method' | 'path'>) =>
    upstream === undefined ? undefined : huaweiOperation(head);

  /** Sends an operation on, for whoever may have it. */
  async function forward(
    request: ApiRequest,
    { operation, projectId }: HuaweiOperation,
    access: Access,
    to: Upstream,
  ): Promise<ApiResponse> {
    request.audit.operation = operation;
    const caller = callerOf(request, access);
    request.audit.key = caller?.name ?? null;
    if (caller === undefined && !isUpstreamOpen) throw genRandomError('KMS.0330');
    await authorize(caller, projectId, [forwarding, `${forwarding}:${operation}`], access);
    return forwarded(await to.forward(withoutKnownToken(request, access)));
  }

  return {
    bodyLimitBytes,
    // [R] ids of the API gateway are of 32 digits.
    requestId: (uuid) => uuid.replaceAll('-', ''),
    // The API gateway of the clouds also answers paths that are no API.
    claim: (head) =>
      genRandomPath.test(head.path) || operationOf(head) !== undefined ? 'path' : 'leftover',
    async answer(request, { random, access }) {
      const operation = operationOf(request);
      if (upstream !== undefined && operation !== undefined)
        return forward(request, operation, access, upstream);
      const { size } = await checkedRequest(request, dialect, access);
      request.audit.size = size;
      return respond(200, encodeResponse(await random(size)), request.id);
    },
    refuse(failure, { id }) {
      const error =
        failure.kind === 'webPage'
          ? new ServiceError('KMS.0326', 403, webPageText)
          : toServiceError(thrownBy(failure));
      return {
        ...respond(error.status, encodeError(error, { requestId: id, nodeSdkErrors }), id),
        error: { code: error.code, reason: errorReason(failure, reasons) },
      };
    },
    malformed: (text, id) => ({
      headers: { 'x-request-id': id },
      // Huawei's SDKs read the flat members.
      members: { error_msg: text, error_code: unreadableCode, request_id: id },
    }),
    examples: (at) => examples(at, dialect),
    about: () => ({ dialect }),
    metrics: (page) => upstream?.metrics(page),
    close: async () => upstream?.close(),
  };
}

/** The API gateway comes first (path, authentication), then the service (JSON, members). */
async function checkedRequest(
  request: ApiRequest,
  dialect: Dialect,
  access: Access,
): Promise<{ size: number }> {
  const { projectId } = genRandomPath.exec(request.path)?.groups ?? {};
  if (projectId === undefined) throw genRandomError('APIGW.0101');
  // Huawei's API gateway has no API for another method; OTC's KMS has a code of its own for it.
  if (request.method !== 'POST')
    throw genRandomError(dialect === 'hwc' ? 'APIGW.0101' : 'KMS.0215');
  request.audit.operation = genRandom;
  const caller = callerOf(request, access);
  request.audit.key = caller?.name ?? null;
  await authorize(caller, projectId, [genRandom], access);
  const input = parseJson(request.body, (options) => genRandomError('KMS.0202', options));
  return decodeRequest(input, dialect);
}

function respond(status: number, content: object, requestId: string): ApiResponse {
  return jsonResponse(status, content, { 'x-request-id': requestId });
}

function examples({ url, verifies, socketPath }: Place, dialect: Dialect): readonly Example[] {
  const token = verifies ? '"X-Auth-Token: $TOKEN"' : "'X-Auth-Token: any'";
  const path = `/v1.0/${verifies ? '"$PROJECT_ID"' : 'project'}/kms/gen-random`;
  const note = verifies
    ? 'A token of the credentials file in TOKEN, and its project in PROJECT_ID.'
    : 'Any token is accepted; without one the answer is 401.';
  const overUrl = {
    title: `gen-random of Open Telekom Cloud and Huawei Cloud (dialect ${dialect})`,
    note,
    command: `curl -H ${token} -d '${sampleBody}' ${url}${path}`,
    hasUrl: true,
  };
  if (socketPath === undefined) return [overUrl];
  return [
    overUrl,
    {
      title: 'gen-random over the Unix socket',
      note: `For members of the socket's group. ${note}`,
      command: `curl --unix-socket ${shellWord(socketPath)} -H ${token} -d '${sampleBody}' http://localhost${path}`,
      hasUrl: false,
    },
  ];
}
