/**
 * What AWS KMS answers to requests that are not served here: other operations, paths and media types. Pure.
 *
 * Sources: [C] recorded from a sibling of the service behind the same front end (Kinesis); other texts are ours.
 */
import { ServiceError } from '../../common/errors.js';

/** [C] The front end's status if it reads no operation from a media type; the service itself never uses it. */
export const unreadStatus = 404;

/** For a media type other than JSON 1.1's; {@link encodeOtherError} writes it. */
export function unknownMediaType(): ServiceError {
  return new ServiceError('UnknownOperationException', unreadStatus, '');
}

/**
 * The operations of KMS besides GenerateRandom, from its model 2014-11-01 (botocore 1.44.8). Each of them
 * needs an upstream, and the answer should say so.
 */
const operations: ReadonlySet<string> = new Set(
  `CancelKeyDeletion ConnectCustomKeyStore CreateAlias CreateCustomKeyStore CreateGrant CreateKey Decapsulate
  Decrypt DeleteAlias DeleteCustomKeyStore DeleteImportedKeyMaterial DeriveSharedSecret
  DescribeCustomKeyStores DescribeKey DisableKey DisableKeyRotation DisconnectCustomKeyStore
  EnableKey EnableKeyRotation Encapsulate Encrypt GenerateDataKey GenerateDataKeyPair
  GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext GenerateMac GetKeyLastUsage
  GetKeyPolicy GetKeyRotationStatus GetParametersForImport GetPublicKey ImportKeyMaterial ListAliases
  ListGrants ListKeyPolicies ListKeyRotations ListKeys ListResourceTags ListRetirableGrants PutKeyPolicy
  ReEncrypt ReplicateKey RetireGrant RevokeGrant RotateKeyOnDemand ScheduleKeyDeletion Sign TagResource
  UntagResource UpdateAlias UpdateCustomKeyStore UpdateKeyDescription UpdatePrimaryRegion Verify VerifyMac`.split(
    /\s+/,
  ),
);

/**
 * UnknownOperationException for an operation that is not served here. For an operation of KMS the text is
 * ours: without one, clients show "UnknownError".
 */
export function notServed(operation: string): ServiceError {
  const text = operations.has(operation)
    ? `Only GenerateRandom is served here. For ${operation}, start entropyd's gateway with --upstream and the URL of a KMS endpoint.`
    : '';
  return new ServiceError('UnknownOperationException', 400, text);
}

/** UnknownOperationException for a path other than `/`, which only a client with such an endpoint sends. */
export function wrongPath(): ServiceError {
  return new ServiceError(
    'UnknownOperationException',
    400,
    'AWS KMS is served at the path / only. Use an endpoint URL without a path.',
  );
}

/** A body in another form than JSON 1.1's. */
export interface OtherForm {
  /** undefined: the response has none. */
  readonly contentType: string | undefined;
  readonly body: string;
}

/**
 * [C] The body of an error for a client that does not speak JSON 1.1: an older form of JSON, or XML.
 * @param mediaType of the request
 */
export function encodeOtherError({ code }: ServiceError, mediaType: string): OtherForm {
  if (mediaType !== 'application/json') return { contentType: undefined, body: `<${code}/>\n` };
  const output = { __type: `com.amazon.coral.service#${code}` };
  return {
    contentType: mediaType,
    body: JSON.stringify({ Output: output, Version: '1.0' }),
  };
}
