/** GenerateRandomBytes of Google Cloud KMS, over REST and over gRPC. */
import type { IncomingHttpHeaders } from 'node:http';
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
import { bearerToken, errorReason, thrownBy, webPageText } from '../toolkit.js';
import {
  denied,
  GoogleError,
  invalidCredential,
  missingCredential,
  throttled,
  toGoogleError,
} from './errors.js';
import { projectOf, type RandomRequest, sizeOf } from './format.js';
import * as grpc from './grpc.js';
import * as rest from './rest.js';

/** A request has three short fields. */
const bodyLimitBytes = 64 * 1024;

/** As `allow` and the audit log name it. */
const generateRandomBytes = 'GenerateRandomBytes';

/** An open gateway takes any project and location. */
const samplePath = rest.randomPathOf('any', 'global');
const sampleBody = '{"lengthBytes":32,"protectionLevel":"HSM"}';

/** Codes that are not a fault of the request's form. */
const reasons: ReadonlyMap<string, ErrorReason> = new Map([
  ['UNAUTHENTICATED', 'authentication'],
  ['PERMISSION_DENIED', 'forbidden'],
  ['RESOURCE_EXHAUSTED', 'throttled'],
]);

/** How requests are read and answers are written. */
interface Transport {
  /** @throws GoogleError unless the request asks for random bytes */
  checkRoute(head: Head): void;
  decodeRequest(request: ApiRequest): RandomRequest;
  encodeResponse(bytes: Uint8Array, id: string): ApiResponse;
  encodeError(error: GoogleError, id: string): ApiResponse;
}

const overRest: Transport = rest;
const overGrpc: Transport = { ...grpc, checkRoute: grpc.checkMethod };

export const googleKms = {
  name: 'google-kms',
  operations: [{ name: generateRandomBytes, byDefault: true }],
  sample: { method: 'POST', path: samplePath, headers: {}, body: sampleBody },
  create(_settings: object): Api {
    return {
      bodyLimitBytes,
      claim(head) {
        if (grpc.isGrpc(head)) return 'header';
        return head.path.startsWith(rest.restPrefix) ? 'path' : 'no';
      },
      async answer(request, { access, random }) {
        const transport = transportOf(request);
        transport.checkRoute(request);
        const { audit, headers, id } = request;
        audit.operation = generateRandomBytes;
        const caller = callerOf(headers, access);
        audit.key = caller?.name ?? null;
        const wanted = transport.decodeRequest(request);
        await authorize(caller, wanted, access);
        audit.size = sizeOf(wanted);
        return transport.encodeResponse(await random(audit.size), id);
      },
      refuse(failure, head) {
        const error =
          failure.kind === 'webPage'
            ? new GoogleError('PERMISSION_DENIED', webPageText)
            : toGoogleError(thrownBy(failure));
        return {
          ...transportOf(head).encodeError(error, head.id),
          error: {
            code: error.code,
            reason: errorReason(failure, reasons),
            status: error.status,
          },
        };
      },
      examples,
    };
  },
} satisfies ApiEntry;

function transportOf(head: Head): Transport {
  return grpc.isGrpc(head) ? overGrpc : overRest;
}

/**
 * Who asks. An open gateway needs no proof: clients with insecure credentials cannot send one.
 * @returns undefined: the gateway is open, and nobody is known
 * @throws GoogleError `UNAUTHENTICATED`
 */
function callerOf({ authorization }: IncomingHttpHeaders, access: Access): Credential | undefined {
  if (authorization === undefined) {
    if (!access.verifies) return undefined;
    throw missingCredential();
  }
  const token = bearerToken(authorization);
  if (token === undefined) throw invalidCredential();
  if (!access.verifies) return undefined;
  const credential = access.token(token);
  if (credential === undefined || access.now() >= credential.expiresAt) throw invalidCredential();
  return credential;
}

/** @throws GoogleError `INVALID_ARGUMENT` without a project, `PERMISSION_DENIED`, `RESOURCE_EXHAUSTED` */
async function authorize(
  caller: Credential | undefined,
  request: RandomRequest,
  access: Access,
): Promise<void> {
  const project = projectOf(request);
  if (caller === undefined) return;
  const { allow, projectId = project } = caller;
  if (!allow.has(generateRandomBytes) || projectId !== project) throw denied(request.location);
  if (!(await access.take(caller))) throw throttled();
}

function examples({ url, verifies }: Place): readonly Example[] {
  const token = verifies ? '-H "Authorization: Bearer $TOKEN" ' : '';
  const project = verifies ? '"$PROJECT_ID"' : 'any';
  return [
    {
      title: 'Random bytes as Google Cloud KMS gives them',
      note: verifies
        ? 'A token of the credentials file in TOKEN, and its project in PROJECT_ID.'
        : 'Any project and location, and no token.',
      command: `curl ${token}-H 'Content-Type: application/json' -d '${sampleBody}' ${url}${rest.randomPathOf(project, 'global')}`,
      hasUrl: true,
    },
  ];
}
