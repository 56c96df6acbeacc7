/** The operations of AWS KMS that are not served here, and what is said to them. Pure. */
import { ServiceError } from '../../common/errors.js';

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
