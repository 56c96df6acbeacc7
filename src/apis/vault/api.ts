/**
 * `POST /v1/sys/tools/random` and `/v1/transit/random` of HashiCorp Vault and OpenBao, and what their
 * clients ask first.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { Cached } from '../../common/cached.js';
import { ServiceError } from '../../common/errors.js';
import { serves } from '../../common/state.js';
import type {
  Access,
  Api,
  ApiEntry,
  ApiRequest,
  ApiResponse,
  Credential,
  ErrorReason,
  Example,
  Place,
  Services,
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
  decodeRequest,
  encodeError,
  encodeResponse,
  invalidRequest,
  type RandomRequest,
  readPath,
  toServiceError,
  unsupportedPath,
  vaultError,
} from './format.js';
import {
  healthOf,
  healthPath,
  healthStatus,
  lookupOf,
  lookupSelfPath,
  sealStatusOf,
  sealStatusPath,
} from './start-up.js';

/** No member is long. The servers take 32 MiB. */
const bodyLimitBytes = 64 * 1024;

/** Where all of Vault's API is, including what is not served here. */
const prefix = '/v1/';

const samplePath = '/v1/sys/tools/random/32';

/** As `allow` and the audit log name it. */
const vaultRandom = 'vault-random';

/** As the audit log names it. Every token has it, as by the servers' default policy [D]. */
const lookupSelf = 'lookup-self';

/** Methods by what they ask for; the servers look a token up for each of them [S]. */
const [readMethods, writeMethods, lookupMethods] = [
  ['GET', 'HEAD'],
  ['POST', 'PUT'],
  ['GET', 'POST', 'PUT'],
] as const satisfies readonly (readonly string[])[];

/** Anybody may ask whether the daemon serves: it is asked a few times a second. Ours. */
const servingLastsMs = 250;

/** Codes that are not a fault of the request's form. */
const reasons: ReadonlyMap<string, ErrorReason> = new Map([
  ['no token', 'authentication'],
  ['invalid token', 'authentication'],
  ['permission denied', 'forbidden'],
  ['rate limit quota exceeded', 'throttled'],
]);

export const vault = {
  name: 'vault',
  operations: [{ name: vaultRandom, byDefault: true }],
  sample: { method: 'POST', path: samplePath, headers: { 'X-Vault-Token': 'any' }, body: '' },
  create(_settings: object): Api {
    const isServing = new Cached<boolean>(servingLastsMs, () => performance.now());
    return {
      bodyLimitBytes,
      claim: ({ path }) => (path.startsWith(prefix) ? 'path' : 'no'),
      async answer(request, services) {
        const { path } = request;
        if (path === healthPath || path === sealStatusPath)
          return probed(request, services, isServing);
        if (path === lookupSelfPath) return lookedUp(request, services.access);
        const wanted = await checkedRequest(request, services.access);
        request.audit.size = wanted.size;
        const bytes = await services.random(wanted.size);
        return respond(request, 200, encodeResponse(bytes, wanted, request.id));
      },
      refuse(failure, { id }) {
        const error =
          failure.kind === 'webPage'
            ? new ServiceError('permission denied', 403, webPageText)
            : toServiceError(thrownBy(failure));
        return {
          ...jsonResponse(error.status, encodeError(error), { 'x-request-id': id }),
          error: { code: error.code, reason: errorReason(failure, reasons) },
        };
      },
      malformed: (text, id) => ({ headers: { 'x-request-id': id }, members: { errors: [text] } }),
      examples,
    };
  },
} satisfies ApiEntry;

function respond({ id }: ApiRequest, status: number, content: object | Uint8Array): ApiResponse {
  return jsonResponse(status, content, { 'x-request-id': id });
}

/** Whether bytes are to be had; a daemon that does not answer gives none. Asks for no token [D]. */
async function probed(
  request: ApiRequest,
  { access, health }: Services,
  isServing: Cached<boolean>,
): Promise<ApiResponse> {
  const { method, path, query } = request;
  if (!isOne(readMethods, method)) throw vaultError('unsupported operation');
  const isUp = await isServing.get('', () =>
    health().then(
      ({ state }) => serves(state),
      () => false,
    ),
  );
  if (path === sealStatusPath)
    return { ...respond(request, 200, sealStatusOf(isUp)), isProbe: true };
  const status = healthStatus(isUp, query);
  if (status === undefined) throw invalidRequest('want a status code of 200 to 599');
  return { ...respond(request, status, healthOf(isUp, access.now())), isProbe: true };
}

/**
 * Says that the token is good. It costs nothing of the credential's rate, as refusals do not: a client
 * that is allowed one request a second would start, and be refused its first bytes.
 */
function lookedUp(request: ApiRequest, access: Access): ApiResponse {
  const { audit, headers, id, method } = request;
  const isSupported = isOne(lookupMethods, method);
  if (isSupported) audit.operation = lookupSelf;
  const { token, credential } = callerOf(headers, access);
  audit.key = credential?.name ?? null;
  if (!isSupported) throw vaultError('unsupported operation');
  refuseWrapping(headers);
  const expiresAt = credential?.expiresAt ?? Number.POSITIVE_INFINITY;
  return respond(request, 200, lookupOf(token, expiresAt, access.now(), id));
}

/**
 * The order of checks: token, path, method, members. The servers read the JSON first; here an unknown
 * caller's is not read.
 */
async function checkedRequest(request: ApiRequest, access: Access): Promise<RandomRequest> {
  const { audit, headers, method } = request;
  const path = readPath(request.path);
  // The servers do not tell the two apart [S].
  const isSupported = isOne(writeMethods, method);
  if (path !== undefined && isSupported) audit.operation = vaultRandom;
  const { credential } = callerOf(headers, access);
  audit.key = credential?.name ?? null;
  if (path === undefined) throw unsupportedPath(request.path.slice(prefix.length));
  if (!isSupported) throw vaultError('unsupported operation');
  await authorize(credential, access);
  refuseWrapping(headers);
  return decodeRequest(path, inputOf(request));
}

function isOne(methods: readonly string[], method: string): boolean {
  return methods.includes(method);
}

/** Wrapped bytes are for somebody other than their carrier: never answer with plain ones instead. */
function refuseWrapping(headers: IncomingHttpHeaders): void {
  const wrapTtl = headers['x-vault-wrap-ttl'];
  if (wrapTtl && wrapTtl !== '0') throw invalidRequest('response wrapping is not supported');
}

/** JSON, unless it is said to be a form and does not look like JSON; white space is no body [S]. */
function inputOf({ body, headers }: ApiRequest): unknown {
  const first = firstCharacter.exec(body.toString('latin1'))?.[0];
  if (first === undefined) return undefined;
  const isForm = formType.test(headers['content-type'] ?? '') && first !== '{' && first !== '[';
  return isForm ? readForm(body.toString()) : parseJson(body, notJson);
}

/** After white space as JSON has it (RFC 8259 2). */
const firstCharacter = /[^ \t\r\n]/;

const formType = /^application\/x-www-form-urlencoded *(?:;|$)/i;

/**
 * Reads a body that is a form, as the servers do.
 * @returns its members; values of the same name are joined by commas [S]
 */
function readForm(text: string): Record<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(values);
}

/** The servers' text continues with what the parser says [S]. */
const notJson = (options: ErrorOptions) => invalidRequest('failed to parse JSON input', options);

function examples({ url, verifies }: Place): readonly Example[] {
  const token = verifies ? '"X-Vault-Token: $TOKEN"' : "'X-Vault-Token: any'";
  return [
    {
      title: 'Random bytes as HashiCorp Vault and OpenBao give them',
      note: verifies ? 'A token of the credentials file, in TOKEN.' : 'Any token is accepted.',
      command: `curl -X POST -H ${token} ${url}${samplePath}`,
      hasUrl: true,
    },
  ];
}

// Authentication and authorization: a token, and nothing else.

/** Who asks. */
interface Caller {
  readonly token: string;
  /** undefined: the gateway is open, and nobody is known. */
  readonly credential: Credential | undefined;
}

/**
 * Who asks. Neither the token's project nor the request's namespace matters.
 * @throws ServiceError `no token`, also if the gateway is open; `invalid token` for an unknown or
 *   expired one
 */
function callerOf(headers: IncomingHttpHeaders, access: Access): Caller {
  const token = tokenOf(headers);
  if (token === undefined) throw vaultError('no token');
  if (!access.verifies) return { token, credential: undefined };
  const credential = access.token(token);
  if (credential === undefined || access.now() >= credential.expiresAt)
    throw vaultError('invalid token');
  return { token, credential };
}

/** @throws ServiceError `permission denied`, `rate limit quota exceeded` */
async function authorize(caller: Credential | undefined, access: Access): Promise<void> {
  if (caller === undefined) return;
  if (!caller.allow.has(vaultRandom)) throw vaultError('permission denied');
  if (!(await access.take(caller))) throw vaultError('rate limit quota exceeded');
}

/** X-Vault-Token wins if both are there. node:http joins a repeated one by a comma: not a token. */
function tokenOf(headers: IncomingHttpHeaders): string | undefined {
  const { 'x-vault-token': token, authorization } = headers;
  return token ? String(token) : bearerToken(authorization);
}
