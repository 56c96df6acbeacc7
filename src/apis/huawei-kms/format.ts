/**
 * gen-random (Open Telekom Cloud and Huawei Cloud KMS): members to a size, bytes to a body, failures to
 * errors. Pure.
 *
 * Texts are from the providers' documentation; those marked [G] are guesses: correct them here once
 * somebody has seen the real ones.
 */
import { errorCode, type FailureKind, failureKind, ServiceError } from '../../common/errors.js';
import { upperHex, writeAround } from '../random-text.js';

/** Whose gen-random it is: the clouds differ in the lengths that they accept. */
export type Dialect = 'otc' | 'hwc';

/** API references, random_data_length: OTC accepts only 512, Huawei Cloud multiples of 8 in a range. */
const otcBits = 512;
const hwcMinBits = 8;
const hwcMaxBits = 8192;
const bitsPerByte = 8;

/** API references, sequence: "36-byte serial number of a request message". */
const sequenceBytes = 36;

/** One segment of a URL's path: it stands between /v1.0/ and /kms/gen-random. */
const projectId = /^[^\s/?]+$/;

/** A decimal integer. With a sign it is a number out of range, rather than not a number. */
const decimal = /^-?\d+$/;

/** HTTP status and text of every error. KMS.* come from the service, APIGW.* from the API gateway. */
const errors = {
  'KMS.0101': [500, 'KMS error.'],
  'KMS.0104': [503, 'A system exception occurred. Contact technical support.'],
  'KMS.0202': [400, 'Invalid JSON format of the request message.'],
  'KMS.0203': [400, 'Request message too long.'],
  'KMS.0204': [400, 'Parameters missing in the request message.'],
  'KMS.0206': [400, 'Invalid sequence number.'],
  'KMS.0215': [405, 'Request method not supported.'],
  'KMS.0301': [403, 'Invalid or null X-Auth-Token.'],
  'KMS.0308': [400, 'Invalid parameter.'],
  'KMS.0321': [403, 'URIs in URL and X-Auth-Token do not match.'],
  'KMS.0326': [403, 'No access permissions.'],
  'KMS.0330': [403, 'User has no permission.'],
  'KMS.1802': [400, 'random_data_length must be a multiple of 8.'],
  'APIGW.0101': [404, 'The API does not exist or has not been published in the environment'],
  'APIGW.0301': [401, 'Incorrect IAM authentication information: verify aksk signature fail'],
  'APIGW.0302': [403, 'The IAM user is not authorized to access the API.'],
  // Clients take `over ratelimit` for the sign to wait. The cloud adds a limit, see throttledError.
  'APIGW.0308': [429, 'The throttling threshold has been reached: policy api over ratelimit'],
} as const satisfies Record<string, readonly [status: number, text: string]>;

const failures = {
  overload: 'APIGW.0308',
  unavailable: 'KMS.0104',
  tooLarge: 'KMS.0203',
  fault: 'KMS.0101',
} as const satisfies Record<FailureKind, keyof typeof errors>;

/** KMS.0104 if it was not the daemon. Ours: no cloud has another endpoint behind it. */
const upstreamText =
  'The KMS endpoint behind this gateway did not answer. You can retry the request.';

/** KMS.1801, whose text depends on the dialect. */
const outOfRangeTexts = {
  otc: 'random_data_length must be 512 bits.',
  hwc: 'random_data_length must be in the range 8 bits to 8,192 bits.', // [G]
} as const satisfies Record<Dialect, string>;

/**
 * Other texts of APIGW.0301: signed too long ago or ahead; no X-Auth-Token; not a token. Both clouds'
 * documentation has the last one; KMS.0302 and KMS.0303 of the service are behind the API gateway, and OTC's
 * SDK for Go asks for a new token only on 401.
 */
const authenticationTexts = {
  expired: 'Incorrect IAM authentication information: calc ak sk signature fail:signature expired',
  tokenAbsent: 'Incorrect IAM authentication information: x-auth-token not found',
  tokenInvalid: 'Incorrect IAM authentication information: decrypt token fail',
} as const;

/**
 * An error of the service or of the API gateway in front of it.
 * @param code the error's number
 * @returns a new error with the status and text that go with it
 */
export function genRandomError(code: keyof typeof errors, options?: ErrorOptions): ServiceError {
  const [status, text] = errors[code];
  return new ServiceError(code, status, text, options);
}

/**
 * APIGW.0301 with a text other than that of a signature that does not match.
 * @param fault what is wrong
 */
export function authenticationError(fault: keyof typeof authenticationTexts): ServiceError {
  const [status] = errors['APIGW.0301'];
  return new ServiceError('APIGW.0301', status, authenticationTexts[fault]);
}

/** APIGW.0301 for an access key that is unknown. It says so, as the clouds do. */
export function unknownKeyError(accessKey: string): ServiceError {
  const text = `Incorrect IAM authentication information: ak ${accessKey} not exist`;
  return new ServiceError('APIGW.0301', errors['APIGW.0301'][0], text);
}

/**
 * APIGW.0308 for a credential above its rate. The clouds write `time:1 minute`; limits here are per second.
 * @param perSecond requests; undefined: unknown
 */
export function throttledError(perSecond: number | undefined): ServiceError {
  const error = genRandomError('APIGW.0308');
  if (perSecond === undefined) return error;
  const policy = `policy user over ratelimit,limit:${perSecond},time:1 second`;
  return new ServiceError(
    error.code,
    error.status,
    `The throttling threshold has been reached: ${policy}`,
  );
}

/**
 * APIGW.0301 for a key or token that has expired. [G]: the form of the time is a guess.
 * @param expiresAt milliseconds since 1970
 */
export function expiredError(expiresAt: number): ServiceError {
  const time = new Date(expiresAt).toISOString();
  const text = `Incorrect IAM authentication information: token expires, expires_at: ${time}`;
  return new ServiceError('APIGW.0301', errors['APIGW.0301'][0], text);
}

/**
 * The size that a gen-random request asks for. Checked in the order of the error numbers: presence,
 * sequence, type, range, multiple of 8. Unknown members are ignored; null equals absent.
 * `random_data_length` is in bits, a string (as documented) or an integer (as OTC's own client sends).
 * @param input the request's members, as JSON or a caller of the client library gives them
 * @param dialect which cloud's lengths apply
 * @returns the size in bytes: 64 (`otc`), 1 to 1024 (`hwc`)
 * @throws ServiceError `KMS.0202`, `KMS.0204`, `KMS.0206`, `KMS.0308`, `KMS.1801`, `KMS.1802`
 */
export function decodeRequest(input: unknown, dialect: Dialect): { size: number } {
  if (typeof input !== 'object' || input === null || Array.isArray(input))
    throw genRandomError('KMS.0202');
  const { random_data_length: length, sequence } = input as Record<string, unknown>;
  if (length == null) throw genRandomError('KMS.0204');
  if (sequence != null && !isSequence(sequence)) throw genRandomError('KMS.0206');
  const bits = toInteger(length);
  const inRange = dialect === 'otc' ? bits === otcBits : bits >= hwcMinBits && bits <= hwcMaxBits;
  if (!inRange) throw new ServiceError('KMS.1801', 400, outOfRangeTexts[dialect]);
  if (bits % bitsPerByte !== 0) throw genRandomError('KMS.1802');
  return { size: bits / bitsPerByte };
}

/**
 * Checks the project of a request that has no path: one that no URL can hold names no API.
 * @param id what the caller gave; null equals absent
 * @throws ServiceError `APIGW.0101`
 */
export function checkProjectId(id: unknown): void {
  if (id != null && !(typeof id === 'string' && projectId.test(id)))
    throw genRandomError('APIGW.0101');
}

/**
 * The body of a good response. Like the service's, it does not echo the sequence.
 * @param bytes 1 to 1024 random bytes; they stay the caller's
 * @returns JSON, as {@link writeAround} makes it: hexadecimal digits in upper case, two a byte
 */
export function encodeResponse(bytes: Uint8Array): Buffer {
  return writeAround('{"random_data":"', bytes, upperHex, '"}');
}

/**
 * The same for callers of the client library, who want a string: the one copy that is not wiped.
 * @param bytes 1 to 1024 random bytes; they stay the caller's
 */
export function encodeResult(bytes: Uint8Array): { random_data: string } {
  const text = writeAround('', bytes, upperHex, '');
  try {
    return { random_data: text.toString('latin1') };
  } finally {
    text.fill(0);
  }
}

/**
 * A failure of the generator, the daemon, the client or the upstream, in this API's terms.
 * @param error anything thrown; a ServiceError comes back as it is
 * @returns an error with the original as its cause; its text says nothing about the original
 */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  if (errorCode(error) === 'ERR_UPSTREAM')
    return new ServiceError('KMS.0104', errors['KMS.0104'][0], upstreamText, { cause: error });
  return genRandomError(failures[failureKind(error)], { cause: error });
}

/** How {@link encodeError} writes an error. */
export interface ErrorEncoding {
  /** The response's x-request-id; the flat errors of the API gateway repeat it. */
  readonly requestId: string;
  /** Adds `code` and `message`, the only members that Huawei's SDK for Node.js reads. */
  readonly nodeSdkErrors?: boolean;
}

/**
 * The body of an error: nested for the service's own errors, flat for those of the API gateway.
 * @param error what {@link decodeRequest} or {@link toServiceError} gave
 * @returns the members, to be sent as JSON with `error.status`
 */
export function encodeError(error: ServiceError, encoding: ErrorEncoding): object {
  const { code: error_code, message: error_msg } = error;
  // In the order of the API gateway's own.
  if (error_code.startsWith('APIGW.'))
    return { error_msg, error_code, request_id: encoding.requestId };
  const members = { error_code, error_msg };
  if (!encoding.nodeSdkErrors) return { error: members };
  return { error: { ...members, code: error_code, message: error_msg } };
}

/** A failure for callers of the client library, with the members of the documented body. */
export interface GenRandomError extends ServiceError {
  readonly error: { readonly error_code: string; readonly error_msg: string };
}

/**
 * The error that the client library throws.
 * @param error anything thrown
 * @returns the result of {@link toServiceError} with the member `error`
 */
export function toCallerError(error: unknown): GenRandomError {
  const failure = toServiceError(error);
  const { code, message } = failure;
  return Object.assign(failure, { error: { error_code: code, error_msg: message } });
}

function isSequence(value: unknown): boolean {
  return typeof value === 'string' && Buffer.byteLength(value) === sequenceBytes;
}

function toInteger(value: unknown): number {
  if (typeof value === 'string' && decimal.test(value)) return Number(value);
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  throw genRandomError('KMS.0308');
}
