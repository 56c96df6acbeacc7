/** `POST /` with X-Amz-Target: AWS KMS, of which GenerateRandom is served; an upstream has the rest. */
import type { Access, Api, ApiEntry, Credential, Example, Place } from '../api.js';
import { authorize, callerOf } from '../aws-json/access.js';
import { toMembers } from '../aws-json/members.js';
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
import { checkUpstreamCallers } from '../upstream/endpoint.js';
import { countUpstream, forwarded, type Upstream } from '../upstream/upstream.js';
import { awsError, encodeError, toServiceError } from './errors.js';
import { decodeRequest, encodeResponse, needsKms } from './format.js';
import { notServed } from './unserved.js';
import { awsService, createAwsUpstream } from './upstream.js';

const service: AwsService = { title: 'AWS KMS', scope: 'kms', toServiceError, encodeError };

/** The operation that is served here. */
const generateRandom = 'GenerateRandom';

/** Grants every operation of the upstream. */
const forwarding = 'upstream';

/** A request may carry a Recipient attestation document of 256 KiB, in base64. */
const bodyLimitBytes = 512 * 1024;

/**
 * What must be signed besides Host. Without an upstream a changed target gains nothing: one operation is
 * served. With one it could turn an Encrypt into another operation with the same members.
 */
const signedForUpstream = ['x-amz-target'];

/** The part of the configuration that this API reads. */
export type AwsKmsSettings = {
  /** URL of the endpoint that answers everything but GenerateRandom. */
  readonly upstream?: string | undefined;
  /** Whether to sign what goes there; default: if it is the real service. */
  readonly upstreamResign?: boolean | undefined;
  /** Scopes that signatures may have; none: any. */
  readonly regions?: readonly string[] | undefined;
  /** The credentials file; an upstream requires one. */
  readonly credentials?: string | undefined;
  /** Whether an upstream that is an emulator requires none. */
  readonly insecureNetwork?: boolean | undefined;
};

export const awsKms = {
  name: 'aws-kms',
  operations: [
    { name: generateRandom, byDefault: true },
    { name: forwarding, byDefault: false },
    { name: `${forwarding}:Decrypt`, byDefault: false, pattern: /^upstream:[A-Za-z]{1,64}$/ },
  ],
  sample: {
    method: 'POST',
    path: '/',
    headers: sampleHeaders('kms', generateRandom),
    body: '{"NumberOfBytes":32}',
  },
  create({
    upstream: url,
    upstreamResign,
    regions,
    credentials,
    insecureNetwork = false,
  }: AwsKmsSettings): Api {
    const upstream =
      url === undefined ? undefined : createAwsUpstream({ url, resign: upstreamResign });
    checkUpstreamCallers(awsService, upstream, credentials !== undefined, insecureNetwork);
    return createAwsKms({
      upstream,
      regions,
      isUpstreamOpen: insecureNetwork && upstream?.isEmulator,
    });
  },
} satisfies ApiEntry;

/** What the API is made of. */
export interface AwsKmsOptions {
  /** Answers what is not served here, and ends with the API; without it such requests are refused. */
  readonly upstream?: Upstream | undefined;
  /** Whether an open gateway's callers, whom nobody knows, may use it. */
  readonly isUpstreamOpen?: boolean | undefined;
  /** As in {@link AwsKmsSettings}. */
  readonly regions?: readonly string[] | undefined;
}

/** The AWS KMS API; its errors are `{"__type":...}`. */
export function createAwsKms({
  upstream: endpoint,
  isUpstreamOpen = false,
  regions = [],
}: AwsKmsOptions): Api {
  const keys = createSigningKeys();
  const upstream = endpoint && countUpstream(endpoint, awsKms.name);
  const rules = {
    ...{ service: service.scope, regions, keys },
    mustSign: upstream === undefined ? [] : signedForUpstream,
  };
  return {
    bodyLimitBytes,
    // The header marks an AWS client whatever the path and the target; Secrets Manager has its own.
    claim(head) {
      if (isFor('secretsmanager', head)) return 'no';
      if (head.headers['x-amz-target'] !== undefined) return 'header';
      return head.path === '/' ? 'path' : 'no';
    },
    async answer(request, { random, access }) {
      const { audit } = request;
      const { operation, input } = readOperation(request, service);
      if (upstream === undefined && operation !== generateRandom) throw notServed(operation);
      audit.operation = operation;
      const caller = callerOf(request, access, rules);
      audit.key = caller?.name ?? null;
      const members = toMembers(input);
      if (upstream !== undefined && (operation !== generateRandom || needsKms(members))) {
        const isAnyones = isUpstreamOpen && caller === undefined;
        // The gateway's own rights may come with it, so an unknown caller never may otherwise.
        if (!isAnyones)
          await authorizeFor(caller, access, operation, [forwarding, `${forwarding}:${operation}`]);
        return forwarded(await upstream.forward(request));
      }
      if (caller !== undefined) await authorizeFor(caller, access, operation, [operation]);
      const { size } = decodeRequest(members);
      audit.size = size;
      return respond(200, encodeResponse(await random(size)), request.id);
    },
    refuse: (failure, head) => refuse(service, failure, head),
    malformed,
    examples: (at) => examples(at, regions[0] ?? anyRegion),
    metrics: (page) => upstream?.metrics(page),
    forget: () => keys.clear(),
    close: async () => upstream?.close(),
  };
}

/** Whether a caller may have an operation, now; `grants` as `allow` names them. */
function authorizeFor(
  caller: Credential | undefined,
  access: Access,
  operation: string,
  grants: readonly string[],
): Promise<void> {
  const throttled = () => awsError('ThrottlingException');
  return authorize(caller, access, { name: `kms:${operation}`, grants, throttled });
}

function examples({ url, verifies }: Place, region: string): readonly Example[] {
  const { note, variables, user } = exampleKeys(verifies);
  return [
    {
      title: 'AWS KMS GenerateRandom, with the aws command',
      note,
      command: `${variables}aws kms generate-random --number-of-bytes 32 --region ${region} --endpoint-url ${url}`,
      hasUrl: true,
    },
    {
      title: 'AWS KMS GenerateRandom, with curl',
      note,
      command: `curl --aws-sigv4 aws:amz:${region}:kms --user ${user} -H 'Content-Type: ${awsJson}' -H 'X-Amz-Target: TrentService.GenerateRandom' -d '{"NumberOfBytes":32}' ${url}/`,
      hasUrl: true,
    },
  ];
}
