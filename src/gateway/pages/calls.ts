/** Commands that call the gateway, for people to copy. */
import type { Dialect } from '../../apis/huawei-kms/format.js';

/** A command that works as it stands, but for variables of the shell that its note names. */
export interface Call {
  readonly title: string;
  /** What to know or to set first; '' where there is nothing. */
  readonly note: string;
  readonly command: string;
  /** Whether the command has the gateway's URL in it, and not a socket. */
  readonly hasUrl: boolean;
}

/** What the commands depend on. */
export interface CallsOptions {
  /** Scheme, host and port, as the reader reaches the gateway. */
  readonly url: string;
  readonly dialect: Dialect;
  /** Whether proofs are verified; else any will do. */
  readonly verifies: boolean;
  /** A region that signatures may be for. */
  readonly region: string;
  /** The path of a Unix socket of the gateway's, where it has one. */
  readonly socketPath: string | undefined;
}

/** 32 bytes, as each API is told; gen-random of the dialect `otc` gives 64 and no others. */
const genRandomBody = `'{"random_data_length":"512"}'`;

/**
 * The commands.
 * @param options see {@link CallsOptions}
 * @returns those that can be used here, each a single line for a POSIX shell
 */
export function callsFor({ url, dialect, verifies, region, socketPath }: CallsOptions): Call[] {
  const keys = verifies ? '' : 'AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any ';
  const user = verifies ? '"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"' : 'any:any';
  const token = verifies ? '"X-Auth-Token: $TOKEN"' : "'X-Auth-Token: any'";
  const vaultToken = verifies ? '"X-Vault-Token: $TOKEN"' : "'X-Vault-Token: any'";
  const genRandom = `/v1.0/${verifies ? '"$PROJECT_ID"' : 'project'}/kms/gen-random`;
  const keysNote = verifies
    ? 'A key of the credentials file, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.'
    : 'Any key will do.';
  const tokenNote = verifies
    ? 'A token of the credentials file in TOKEN, and its project in PROJECT_ID.'
    : 'Any token will do, but without one the answer is 401.';
  const overUrl = [
    {
      title: 'AWS KMS GenerateRandom, with the aws command',
      note: keysNote,
      command: `${keys}aws kms generate-random --number-of-bytes 32 --region ${region} --endpoint-url ${url}`,
    },
    {
      title: 'AWS KMS GenerateRandom, with curl',
      note: keysNote,
      command: `curl --aws-sigv4 aws:amz:${region}:kms --user ${user} -H 'Content-Type: application/x-amz-json-1.1' -H 'X-Amz-Target: TrentService.GenerateRandom' -d '{"NumberOfBytes":32}' ${url}/`,
    },
    {
      title: `gen-random of Open Telekom Cloud and Huawei Cloud (dialect ${dialect})`,
      note: tokenNote,
      command: `curl -H ${token} -d ${genRandomBody} ${url}${genRandom}`,
    },
    {
      title: 'Random bytes as HashiCorp Vault and OpenBao give them',
      note: verifies ? 'A token of the credentials file, in TOKEN.' : 'Any token will do.',
      command: `curl -X POST -H ${vaultToken} ${url}/v1/sys/tools/random/32`,
    },
  ].map((call) => ({ ...call, hasUrl: true }));
  if (socketPath === undefined) return overUrl;
  return [
    ...overUrl,
    {
      title: 'gen-random over the Unix socket',
      note: `For members of the socket's group. ${tokenNote}`,
      command: `curl --unix-socket ${quoted(socketPath)} -H ${token} -d ${genRandomBody} http://localhost${genRandom}`,
      hasUrl: false,
    },
  ];
}

/** One word of a POSIX shell (2.2.2). */
function quoted(text: string): string {
  return /^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
