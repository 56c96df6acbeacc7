/** `POST /` with X-Amz-Target: AWS Secrets Manager, of which GetRandomPassword is served. */
import { ServiceError } from '../../common/errors.js';
import type { Api, ApiEntry, Example, Place } from '../api.js';
import { authorize, callerOf } from '../aws-json/access.js';
import {
  type AwsService,
  anyRegion,
  awsJson,
  exampleKeys,
  isFor,
  malformed,
  readOperation,
  refuse,
  respond,
  sampleHeaders,
} from '../aws-json/protocol.js';
import { createSigningKeys } from '../signing/sigv4.js';
import { encodeError, secretsError, toServiceError } from './errors.js';
import { decodeRequest, encodeResponse } from './format.js';
import { drawPassword } from './password.js';

const service: AwsService = {
  title: 'AWS Secrets Manager',
  scope: 'secretsmanager',
  toServiceError,
  encodeError,
};

/** The operation that is served here. */
const getRandomPassword = 'GetRandomPassword';

/** What `allow` must have for it. */
const action = {
  name: `secretsmanager:${getRandomPassword}`,
  grants: [getRandomPassword],
  throttled: () => secretsError('ThrottlingException'),
};

/** ExcludeCharacters may have 4096 characters, and JSON six bytes or more for each of them. */
const bodyLimitBytes = 64 * 1024;

/** The part of the configuration that this API reads. */
export type AwsSecretsManagerSettings = {
  /** Scopes that signatures may have; none: any. */
  readonly regions?: readonly string[] | undefined;
};

export const awsSecretsManager = {
  name: 'aws-secrets-manager',
  operations: [{ name: getRandomPassword, byDefault: true }],
  sample: {
    method: 'POST',
    path: '/',
    headers: sampleHeaders('secretsmanager', getRandomPassword),
    body: '{"PasswordLength":24}',
  },
  create: ({ regions = [] }: AwsSecretsManagerSettings) => createAwsSecretsManager(regions),
} satisfies ApiEntry;

/** The AWS Secrets Manager API; its errors are `{"__type":...}`. */
export function createAwsSecretsManager(regions: readonly string[] = []): Api {
  const keys = createSigningKeys();
  // A changed target gains nothing: one operation is served.
  const rules = { service: service.scope, regions, keys, mustSign: [] };
  return {
    bodyLimitBytes,
    claim: (head) => (isFor(service.scope, head) ? 'header' : 'no'),
    async answer(request, { random, access }) {
      const { audit } = request;
      const { operation, input } = readOperation(request, service);
      if (operation !== getRandomPassword) throw notServed(operation);
      audit.operation = operation;
      const caller = callerOf(request, access, rules);
      audit.key = caller?.name ?? null;
      if (caller !== undefined) await authorize(caller, access, action);
      const passwordRules = decodeRequest(input);
      audit.size = passwordRules.length;
      const password = await drawPassword(passwordRules, random);
      try {
        return respond(200, encodeResponse(password), request.id);
      } finally {
        password.fill(0);
      }
    },
    refuse: (failure, head) => refuse(service, failure, head),
    malformed,
    examples: (at) => examples(at, regions[0] ?? anyRegion),
    forget: () => keys.clear(),
  };
}

/** The operations besides GetRandomPassword, from the service's model. */
const operations: ReadonlySet<string> = new Set(
  `BatchGetSecretValue CancelRotateSecret CreateSecret DeleteResourcePolicy DeleteSecret DescribeSecret
  GetResourcePolicy GetSecretValue ListSecretVersionIds ListSecrets PutResourcePolicy PutSecretValue
  RemoveRegionsFromReplication ReplicateSecretToRegions RestoreSecret RotateSecret
  StopReplicationToReplica TagResource UntagResource UpdateSecret UpdateSecretVersionStage
  ValidateResourcePolicy`.split(/\s+/),
);

/**
 * UnknownOperationException for an operation that is not served here. For an operation of the service the
 * text is ours: without one, clients show "UnknownError".
 */
function notServed(operation: string): ServiceError {
  const text = operations.has(operation)
    ? `Only GetRandomPassword is served here. For ${operation}, use a client with Secrets Manager's own endpoint.`
    : '';
  return new ServiceError('UnknownOperationException', 400, text);
}

function examples({ url, verifies }: Place, region: string): readonly Example[] {
  const { note, variables, user } = exampleKeys(verifies);
  return [
    {
      title: 'AWS Secrets Manager GetRandomPassword, with the aws command',
      note,
      command: `${variables}aws secretsmanager get-random-password --password-length 24 --region ${region} --endpoint-url ${url}`,
      hasUrl: true,
    },
    {
      title: 'AWS Secrets Manager GetRandomPassword, with curl',
      note,
      command: `curl --aws-sigv4 aws:amz:${region}:secretsmanager --user ${user} -H 'Content-Type: ${awsJson}' -H 'X-Amz-Target: secretsmanager.${getRandomPassword}' -d '{"PasswordLength":24}' ${url}/`,
      hasUrl: true,
    },
  ];
}
