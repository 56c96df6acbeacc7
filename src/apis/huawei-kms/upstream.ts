/**
 * The real KMS of Open Telekom Cloud and Huawei Cloud as an upstream: its operations, its domains, and signing
 * again (SDK-HMAC-SHA256) with the gateway's own access key.
 *
 * Sources: huaweicloud-sdk-go-v3 0.1.207, services/kms/v2/kms_meta.go, for the operations; OTC's API reference
 * has a part of them. The same SDK, huaweicloud-sdk-python-v3 and gophertelekomcloud 0.9.3 for headers and
 * the environment's variables.
 */
import { isUtf8 } from 'node:buffer';
import { EntropyError } from '../../common/errors.js';
import { type Reader, readPrivateFile, self } from '../../common/private-file.js';
import type { Head } from '../api.js';
import { formatBasicTime, percentDecode } from '../signing/canonical-request.js';
import { signSdkHmac } from '../signing/sdk-hmac.js';
import type { UpstreamService, UpstreamTarget } from '../upstream/endpoint.js';
import { keptHeaders } from '../upstream/headers.js';
import {
  createUpstream,
  type Signer,
  type Upstream,
  type UpstreamOptions,
} from '../upstream/upstream.js';

/** Domains of the regions in the SDKs' lists and in OTC's API reference. */
export const huaweiService: UpstreamService = {
  key: 'gateway.huawei_upstream',
  domains: [
    'otc.t-systems.com',
    'myhuaweicloud.com',
    'myhuaweicloud.cn',
    'myhuaweicloud.eu',
    'huaweicloud.com',
    'huaweicloud.cn',
    'myhwclouds.com',
    'myhwclouds.cn',
  ],
};

// Operations. Nothing goes on under a path that is not in these forms, so that no spelling of gen-random, and no
// path that a server on the way could read as another one, leaves the gateway.

/** Ids of projects, keys and key stores, in the clouds' own characters. */
const id = '[0-9A-Za-z_-]{1,64}';

/** Encoded where it has to be; {@link isOneSegment} says what is left of it. */
const tagKey = "(?<tag>(?:[\\w.~:@!$&'()+,;-]|%[0-9A-Fa-f]{2}){1,512})";

/**
 * Whether no server on the way takes it for more than a segment, for a step up, or for another one: `;` begins
 * parameters for some (`..;`), some decode twice (`%252f`), and some take overlong UTF-8 (`%c0%af`).
 * @param bytes decoded, one character a byte
 */
function isOneSegment(bytes: string): boolean {
  return !/[/\\%;?#]|[^ -~\x80-\xff]|^\.{1,2}$/.test(bytes) && isUtf8(Buffer.from(bytes, 'latin1'));
}

/** Paths that are not operations by themselves, under the kebab-case of the SDKs' methods. */
const routes: readonly (readonly [method: string, path: string, operation: string])[] = [
  ['POST', 'v1.0/PROJECT/kms/ID/tags', 'create-kms-tag'],
  ['GET', 'v1.0/PROJECT/kms/ID/tags', 'show-kms-tags'],
  ['POST', 'v1.0/PROJECT/kms/ID/tags/action', 'batch-create-kms-tags'],
  ['DELETE', 'v1.0/PROJECT/kms/ID/tags/TAG', 'delete-tag'],
  ['GET', 'v1.0/PROJECT/kms/tags', 'list-kms-tags'],
  ['POST', 'v1.0/PROJECT/kms/resource_instances/action', 'list-kms-by-tags'],
  ['GET', 'v1.0/PROJECT/kms/user-instances', 'show-user-instances'],
  ['GET', 'v1.0/PROJECT/kms/user-quotas', 'show-user-quotas'],
  ['POST', 'v1.0/PROJECT/kms/aliases', 'create-alias'],
  ['GET', 'v1.0/PROJECT/kms/aliases', 'list-aliases'],
  ['DELETE', 'v1.0/PROJECT/kms/aliases', 'delete-alias'],
  ['POST', 'v1.0/PROJECT/kms/alias/associate', 'associate-alias'],
  ['POST', 'v1.0/PROJECT/keystores', 'create-key-store'],
  ['GET', 'v1.0/PROJECT/keystores', 'list-key-stores'],
  ['GET', 'v1.0/PROJECT/keystores/ID', 'show-key-store'],
  ['DELETE', 'v1.0/PROJECT/keystores/ID', 'delete-key-store'],
  ['POST', 'v1.0/PROJECT/keystores/ID/enable', 'enable-key-store'],
  ['POST', 'v1.0/PROJECT/keystores/ID/disable', 'disable-key-store'],
  ['GET', 'v2/PROJECT/kms/regions', 'list-support-regions'],
  ['POST', 'v2/PROJECT/kms/keys/ID/replicate', 'replicate-key'],
  ['PUT', 'v2/PROJECT/kms/keys/ID/update-primary-region', 'update-primary-region'],
];

const forms = routes.map(([method, path, operation]) => {
  const form = path
    .replace('.', '\\.')
    .replace('PROJECT', `(?<projectId>${id})`)
    .replace('ID', id)
    .replace('TAG', tagKey);
  return { method, form: new RegExp(`^/${form}$`), operation };
});

/** The others are POST with the operation in the path. */
const plainForm = new RegExp(
  `^/v1\\.0/(?<projectId>${id})/kms/(?<operation>(?!gen-random$)[a-z][a-z0-9-]{0,63})$`,
);

/** As in {@link plainForm}: what may follow `huawei-upstream:` in `allow`. */
export const operationForm = /^huawei-upstream:(?!gen-random$)[a-z][a-z0-9-]{0,63}$/;

/** An operation of KMS that is not served here. */
export interface HuaweiOperation {
  readonly operation: string;
  readonly projectId: string;
}

/** @returns undefined: the clouds publish nothing there, or it is gen-random */
export function huaweiOperation({
  method,
  path,
}: Pick<Head, 'method' | 'path'>): HuaweiOperation | undefined {
  for (const { method: wanted, form, operation } of forms) {
    const groups = method === wanted ? form.exec(path)?.groups : undefined;
    if (groups === undefined) continue;
    if (!isOneSegment(percentDecode(groups.tag ?? ''))) return undefined;
    return { operation, projectId: String(groups.projectId) };
  }
  const groups = method === 'POST' ? plainForm.exec(path)?.groups : undefined;
  return groups && (groups as unknown as HuaweiOperation);
}

// Signing.

/** What signs. */
export interface HuaweiCredentials {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly securityToken?: string | undefined;
}

/** What a signer needs of its surroundings. */
export interface HuaweiSigning {
  /** Gives credentials for each request; default: {@link ownCredentials}. */
  readonly credentials?: (() => Promise<HuaweiCredentials>) | undefined;
  /** Milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/** What an SDK sends besides its authentication, and leaves unsigned: programs on the way may change it. */
const unsigned: readonly string[] = ['accept', 'accept-encoding', 'user-agent'];

/**
 * KMS itself or an emulator of it.
 * @throws EntropyError `ERR_CONFIG`
 */
export function createHuaweiUpstream(options: UpstreamOptions & HuaweiSigning): Upstream {
  const kind = {
    ...huaweiService,
    requestIdHeader: 'x-request-id',
    createSigner: (target: UpstreamTarget) => createSigner(target, options),
  };
  return createUpstream(kind, options);
}

/**
 * A signer for one endpoint. X-Project-Id is the path's project, as Huawei's SDKs send it with every request; the
 * client's own need not be signed, and could name another one.
 */
export function createSigner(
  { host }: Pick<UpstreamTarget, 'host'>,
  { credentials = ownCredentials, now = Date.now }: HuaweiSigning = {},
): Signer {
  return async (request) => {
    const { accessKey, secretKey, securityToken } = await credentials();
    const { method, path, query, body, headers } = request;
    const signed: Record<string, string> = {
      host,
      'x-sdk-date': formatBasicTime(now()),
      'x-project-id': huaweiOperation(request)?.projectId ?? '',
    };
    if (headers['content-type'] !== undefined) signed['content-type'] = headers['content-type'];
    if (securityToken !== undefined) signed['x-security-token'] = securityToken;
    const authorization = signSdkHmac(
      { method, path, query, rawHeaders: Object.entries(signed).flat(), body },
      { accessKey, secretKey },
    );
    return {
      path: query === '' ? path : `${path}?${query}`,
      headers: { ...keptHeaders(headers, unsigned, body.length), ...signed, authorization },
    };
  };
}

/**
 * Names that the clouds' programs read: Huawei's SDKs, then OTC's SDK for Go and its Terraform provider. The
 * AWS_* names that the latter reads first are those of the other upstream.
 */
const variables = [
  ['HUAWEICLOUD_SDK_AK', 'HUAWEICLOUD_SDK_SK', 'HUAWEICLOUD_SDK_SECURITY_TOKEN'],
  ['OS_ACCESS_KEY', 'OS_SECRET_KEY', 'OS_SECURITY_TOKEN'],
] as const;

/** Names the file of Huawei's SDKs. Their default, in the home directory, is not looked for. */
const fileVariable = 'HUAWEICLOUD_SDK_CREDENTIALS_FILE';

/**
 * The gateway's own access key: from its environment, or from the file that this names. The file is read for each
 * request, which takes no time next to the upstream, so that a temporary key in it can be renewed.
 * @param reader of the file, for whom it must be private
 * @throws EntropyError `ERR_UPSTREAM`
 */
export async function ownCredentials(
  environment: NodeJS.ProcessEnv = process.env,
  reader: Reader = self,
): Promise<HuaweiCredentials> {
  for (const [ak, sk, token] of variables) {
    const { [ak]: accessKey, [sk]: secretKey, [token]: securityToken } = environment;
    if (accessKey && secretKey)
      return { accessKey, secretKey, securityToken: securityToken || undefined };
  }
  const { [fileVariable]: path } = environment;
  if (path) return fileCredentials(path, reader);
  const wanted = variables.map(([ak, sk]) => `${ak} and ${sk}`).join(', or ');
  throw new EntropyError(
    'ERR_UPSTREAM',
    `no access key to sign with: want ${wanted}, or ${fileVariable}`,
  );
}

async function fileCredentials(path: string, reader: Reader): Promise<HuaweiCredentials> {
  const what = 'file of the access key to sign with';
  const key = huaweiService.key;
  const bytes = await readPrivateFile(path, what, key, reader).catch((cause: Error) => {
    throw new EntropyError('ERR_UPSTREAM', cause.message, { cause });
  });
  const { ak, sk, security_token: securityToken } = basicSection(bytes.toString());
  bytes.fill(0);
  if (ak && sk) return { accessKey: ak, secretKey: sk, securityToken: securityToken || undefined };
  throw new EntropyError('ERR_UPSTREAM', `${what} ${path}: want ak and sk in the section [basic]`);
}

/** The members of `[basic]`, in the form that Python's configparser reads: `ak = ...` or `ak: ...`. */
function basicSection(text: string): Readonly<Record<string, string>> {
  const members: Record<string, string> = {};
  let section = '';
  for (const line of text.split(/\r?\n/)) {
    section = /^\[([^\]]*)\]/.exec(line)?.[1] ?? section;
    const [, name, value] = /^(ak|sk|security_token)[ \t]*[=:](.*)$/.exec(line) ?? [];
    if (section === 'basic' && name !== undefined) members[name] = String(value).trim();
  }
  return members;
}
