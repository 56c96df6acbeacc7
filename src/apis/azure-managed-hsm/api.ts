/**
 * `POST /rng` of Azure Key Vault Managed HSM: GetRandomBytes. The sources that marks stand for are those
 * of format.ts.
 */
import { ServiceError } from '../../common/errors.js';
import type {
  Access,
  Api,
  ApiEntry,
  ApiRequest,
  ApiResponse,
  Credential,
  ErrorReason,
  Example,
  Head,
  Place,
} from '../api.js';
import {
  bearerToken,
  errorReason,
  jsonResponse,
  parseJson,
  thrownBy,
  webPageText,
} from '../toolkit.js';
import {
  badParameter,
  challengeFor,
  checkVersion,
  decodeRequest,
  encodeError,
  encodeResponse,
  hsmError,
  tokenError,
  toServiceError,
} from './format.js';

/** The only member is a number; whoever sends more is mistaken. */
const bodyLimitBytes = 64 * 1024;

/** Documented with two slashes, too: a vault's URL ends in one [D]. */
const rngPath = /^\/{1,2}rng$/;

/** As `allow` and the audit log name it. */
const azureRandom = 'azure-random';

/** The latest with the operation that clients ask for [S]; any other is answered alike. */
const samplePath = '/rng?api-version=2025-07-01';
const sampleBody = '{"count":32}';

/** The service's [R]. */
const json = 'application/json; charset=utf-8';

const jsonType = /^application\/json *(?:;|$)/i;

/** Rates are per second. Without the header clients wait as they think right [S]. */
const retryAfterSeconds = '1';

/** Codes that are not a fault of the request's form. */
const reasons: ReadonlyMap<string, ErrorReason> = new Map([
  ['Unauthorized', 'authentication'],
  ['Forbidden', 'forbidden'],
  ['Throttled', 'throttled'],
]);

export const azureManagedHsm = {
  name: 'azure-managed-hsm',
  operations: [{ name: azureRandom, byDefault: true }],
  sample: {
    method: 'POST',
    path: samplePath,
    headers: { Authorization: 'Bearer any', 'Content-Type': 'application/json' },
    body: sampleBody,
  },
  create(_settings: object): Api {
    return {
      bodyLimitBytes,
      claim: ({ path }) => (rngPath.test(path) ? 'path' : 'no'),
      async answer(request, { random, access }) {
        const size = await checkedSize(request, access);
        request.audit.size = size;
        return respond(200, encodeResponse(await random(size)), request);
      },
      refuse(failure, head) {
        const error =
          failure.kind === 'webPage'
            ? new ServiceError('Forbidden', 403, webPageText)
            : toServiceError(thrownBy(failure));
        return {
          ...respond(error.status, encodeError(error, head.id), head, headersOf(error, head)),
          error: { code: error.code, reason: errorReason(failure, reasons) },
        };
      },
      malformed: (_text, id) => ({ headers: { 'x-ms-request-id': id }, members: {} }),
      examples,
    };
  },
} satisfies ApiEntry;

function respond(
  status: number,
  content: object,
  { id }: Head,
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  return jsonResponse(status, content, {
    'Content-Type': json,
    'x-ms-request-id': id,
    ...headers,
  });
}

/** What HTTP wants beside the body. */
function headersOf({ status }: ServiceError, head: Head): Record<string, string> {
  switch (status) {
    case 401:
      return { 'WWW-Authenticate': challengeFor(head.authority) };
    case 405:
      return { Allow: 'POST' };
    case 429:
      return { 'Retry-After': retryAfterSeconds };
    default:
      return {};
  }
}

/**
 * The order of checks: token, method, rights and rate, version, body. Clients send their first request
 * without token and body, to be asked for the token [S]: nothing else of it may be looked at before.
 */
async function checkedSize(request: ApiRequest, access: Access): Promise<number> {
  const { audit, body, headers, method, query } = request;
  const isSupported = method === 'POST';
  if (isSupported) audit.operation = azureRandom;
  const caller = callerOf(headers.authorization, access);
  audit.key = caller?.name ?? null;
  if (!isSupported) throw hsmError('MethodNotAllowed');
  await authorize(caller, access);
  checkVersion(query);
  const type = headers['content-type'];
  if (type !== undefined && !jsonType.test(type)) throw hsmError('UnsupportedMediaType');
  return decodeRequest(parseJson(body, notJson));
}

const notJson = (options: ErrorOptions) => badParameter('The body is not JSON.', options);

/**
 * Who asks; the token's project does not matter.
 * @returns undefined: the gateway is open, there is some token, and nobody is known
 * @throws ServiceError `Unauthorized`, also if the gateway is open and there is no token
 */
function callerOf(authorization: string | undefined, access: Access): Credential | undefined {
  const token = bearerToken(authorization);
  if (token === undefined) throw hsmError('Unauthorized');
  if (!access.verifies) return undefined;
  const credential = access.token(token);
  if (credential === undefined || access.now() >= credential.expiresAt) throw tokenError();
  return credential;
}

/** @throws ServiceError `Forbidden`, `Throttled` */
async function authorize(caller: Credential | undefined, access: Access): Promise<void> {
  if (caller === undefined) return;
  if (!caller.allow.has(azureRandom)) throw hsmError('Forbidden');
  if (!(await access.take(caller))) throw hsmError('Throttled');
}

function examples({ url, verifies }: Place): readonly Example[] {
  const token = verifies ? '"Authorization: Bearer $TOKEN"' : "'Authorization: Bearer any'";
  return [
    {
      title: 'GetRandomBytes of Azure Managed HSM',
      note: verifies ? 'A token of the credentials file, in TOKEN.' : 'Any token is accepted.',
      command: `curl -H ${token} -H 'Content-Type: application/json' -d '${sampleBody}' '${url}${samplePath}'`,
      hasUrl: true,
    },
  ];
}
