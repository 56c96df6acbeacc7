/** Calls of AWS services without HTTP: what the AWS SDK for JavaScript v3 returns, and throws. */
import { randomUUID } from 'node:crypto';
import {
  type AwsServiceException,
  type ResponseMetadata,
  responseMetadata,
} from '../apis/aws-json/errors.js';
import * as kmsErrors from '../apis/aws-kms/errors.js';
import * as kms from '../apis/aws-kms/format.js';
import * as secretsErrors from '../apis/aws-secrets-manager/errors.js';
import * as secrets from '../apis/aws-secrets-manager/format.js';
import { drawPassword } from '../apis/aws-secrets-manager/password.js';
import { EntropyError, ServiceError } from '../common/errors.js';

/** Output of GenerateRandom. */
export interface GenerateRandomOutput {
  Plaintext: Uint8Array;
  $metadata: ResponseMetadata;
}

/** Output of GetRandomPassword. */
export interface GetRandomPasswordOutput {
  RandomPassword: string;
  $metadata: ResponseMetadata;
}

/** Returns `size` random bytes in a new array, which is the caller's. */
type Draw = (size: number) => Promise<Uint8Array>;

/** KMS GenerateRandom. */
export function generateRandom(input: unknown, draw: Draw): Promise<GenerateRandomOutput> {
  const toException = (error: unknown, requestId: string) =>
    new kmsErrors.KMSServiceException(kmsErrors.toServiceError(error), requestId);
  return answered(toException, async ($metadata) => {
    return { Plaintext: await draw(kms.decodeRequest(input).size), $metadata };
  });
}

/** Secrets Manager GetRandomPassword. */
export function getRandomPassword(input: unknown, draw: Draw): Promise<GetRandomPasswordOutput> {
  const toException = (error: unknown, requestId: string) =>
    new secretsErrors.SecretsManagerServiceException(
      secretsErrors.toServiceError(error),
      requestId,
    );
  return answered(toException, async ($metadata) => {
    const password = await drawPassword(secrets.decodeRequest(input), draw);
    const RandomPassword = Buffer.from(password.buffer).toString('latin1');
    password.fill(0);
    return { RandomPassword, $metadata };
  });
}

async function answered<Output>(
  toException: (error: unknown, requestId: string) => AwsServiceException,
  answer: ($metadata: ResponseMetadata) => Promise<Output>,
): Promise<Output> {
  const requestId = randomUUID();
  try {
    return await answer(responseMetadata(200, requestId));
  } catch (error) {
    throw isOurs(error) ? toException(error, requestId) : error;
  }
}

/** False for the reason of a signal, which is the caller's. */
export function isOurs(error: unknown): boolean {
  return error instanceof EntropyError || error instanceof ServiceError;
}
