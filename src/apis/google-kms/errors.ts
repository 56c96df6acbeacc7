/**
 * Errors of Google Cloud: what is said when, and failures of the gateway in its terms. Pure.
 *
 * Sources of each text below: [S] Google's published interface definitions, [R] recorded from the live
 * service, [C] recorded from its siblings behind the same front end. What has no mark is ours.
 */
import { errorCode, type FailureKind, failureKind, ServiceError } from '../../common/errors.js';

/** Name, number and HTTP status of a status code [S] google/rpc/code.proto. */
const codes = {
  INVALID_ARGUMENT: [3, 400],
  NOT_FOUND: [5, 404],
  PERMISSION_DENIED: [7, 403],
  RESOURCE_EXHAUSTED: [8, 429],
  UNIMPLEMENTED: [12, 501],
  INTERNAL: [13, 500],
  UNAVAILABLE: [14, 503],
  UNAUTHENTICATED: [16, 401],
} as const satisfies Record<string, readonly [number: number, httpStatus: number]>;

export type Code = keyof typeof codes;

/** What a program reads of an error [S] google/rpc/error_details.proto. */
export type Detail =
  | { readonly reason: string; readonly domain: string; readonly metadata: Metadata }
  | { readonly field?: string; readonly description: string };

type Metadata = Readonly<Record<string, string>>;

/** An error with what programs read of it. */
export class GoogleError extends ServiceError {
  declare readonly code: Code;
  readonly details: readonly Detail[];

  /** @param options `status`: HTTP's, if it is not the one of the code */
  constructor(
    code: Code,
    message: string,
    details: readonly Detail[] = [],
    options: ErrorOptions & { readonly status?: number } = {},
  ) {
    super(code, options.status ?? codes[code][1], message, options);
    this.details = details;
  }

  /** As gRPC writes the code. */
  get number(): number {
    return codes[this.code][0];
  }
}

/** The service's name, and the method's, in what programs read [C]. */
const service = 'cloudkms.googleapis.com';
const named = { service, method: 'google.cloud.kms.v1.KeyManagementService.GenerateRandomBytes' };

/** Where reasons that are not of one service belong [S] google/api/error_reason.proto. */
const domain = 'googleapis.com';

/** The end of both texts about who asks [R]. */
const expected =
  'Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.';

/** Why a request without any proof is refused [C]. */
export const missingCredentials = 'CREDENTIALS_MISSING';

/** No proof of who asks [R]; the details [C]. */
export function missingCredential(): GoogleError {
  const text = `Request is missing required authentication credential. ${expected}`;
  return new GoogleError('UNAUTHENTICATED', text, [
    { reason: missingCredentials, domain, metadata: named },
  ]);
}

/** A proof that is wrong, unknown or too old [R]; the details [C]. */
export function invalidCredential(): GoogleError {
  const text = `Request had invalid authentication credentials. ${expected}`;
  return new GoogleError('UNAUTHENTICATED', text, [
    { reason: 'ACCESS_TOKEN_TYPE_UNSUPPORTED', domain, metadata: named },
  ]);
}

/**
 * The caller is known, and may not [R]; the details [C].
 * @param resource as the request names it
 */
export function denied(resource: string): GoogleError {
  const permission = 'cloudkms.locations.generateRandomBytes';
  const text = `Permission '${permission}' denied on resource '${resource}' (or it may not exist).`;
  return new GoogleError('PERMISSION_DENIED', text, [
    { reason: 'IAM_PERMISSION_DENIED', domain: service, metadata: { permission, resource } },
  ]);
}

/** [C] */
const exhaustedText = 'Resource has been exhausted (e.g. check quota).';

/** The caller has had its share of this second [C]; the details [S]. */
export function throttled(): GoogleError {
  return new GoogleError('RESOURCE_EXHAUSTED', exhaustedText, [
    { reason: 'RATE_LIMIT_EXCEEDED', domain, metadata: { service } },
  ]);
}

/**
 * The request itself is at fault.
 * @param field at fault, as the interface definition names it; undefined: none in particular
 */
export function invalidArgument(
  text: string,
  field?: string,
  options?: ErrorOptions & { readonly status?: number },
): GoogleError {
  const detail = { ...(field === undefined ? {} : { field }), description: text };
  return new GoogleError('INVALID_ARGUMENT', text, [detail], options);
}

const failures = {
  overload: ['RESOURCE_EXHAUSTED', exhaustedText],
  unavailable: ['UNAVAILABLE', 'The service is currently unavailable.'], // [C]
  tooLarge: ['RESOURCE_EXHAUSTED', 'The request is too large.'],
  fault: ['INTERNAL', 'Internal error encountered.'], // [C]
} as const satisfies Record<FailureKind, readonly [Code, string]>;

/** HTTP's status of a body that is too large; the code is the one that gRPC has for it [S]. */
const tooLargeStatus = 413;

/**
 * Puts any failure into the service's terms.
 * @param error anything thrown; a `GoogleError` comes back as it is
 * @returns an error with the original as its cause; its text says nothing about the original
 */
export function toGoogleError(error: unknown): GoogleError {
  if (error instanceof GoogleError) return error;
  // Clients do not repeat after INTERNAL, and over gRPC no balancer does it for them: it sees status 200. What
  // a host in its error state refuses, another may answer.
  const kind = errorCode(error) === 'ERR_HEALTH' ? 'unavailable' : failureKind(error);
  const [code, text] = failures[kind];
  const status = kind === 'tooLarge' ? { status: tooLargeStatus } : {};
  return new GoogleError(code, text, [], { cause: error, ...status });
}
