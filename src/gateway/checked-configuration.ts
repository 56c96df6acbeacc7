/**
 * What a gateway's configuration has to pass before the gateway starts: addresses, settings that go
 * together, files. All of it can be checked without starting.
 */
import type { ApiEntry, Operation } from '../apis/api.js';
import { type ApiSettings, apis as allApis, operationsOf, servedApis } from '../apis/list.js';
import { type Address, parseAddress } from '../common/address.js';
import { EntropyError } from '../common/errors.js';
import { type Reader, readPrivateFile, self } from '../common/private-file.js';
import type { PassedSocket } from '../common/unix-socket.js';
import type { GatewayConfig } from '../config/config.js';
import { type AuditOutput, type AuditPlaces, openAuditOutput } from './audit-output.js';
import { type CredentialsFile, parseCredentialsFile } from './auth/credentials-file.js';
import { checkAccess, missingForOthers, type Openness } from './auth/openness.js';
import { refuseOthers } from './listener.js';
import { loadTls, type TlsContext } from './tls-files.js';
import { workerCount } from './workers/share.js';

/** The configuration; everything may be left out. */
type Settings = {
  readonly [name in keyof GatewayConfig]?: Readonly<GatewayConfig[name]> | undefined;
};

/** The configuration of a gateway, what each API reads of it, and its sockets. */
export type ConfiguredGateway = Settings &
  ApiSettings &
  Openness & {
    readonly listen: readonly string[];
    /** Sockets that the service manager opened, judged like the others; `listen` may then be empty. */
    readonly passed?: readonly PassedSocket[];
    /** Sends what the audit log has for syslog. */
    readonly addon?: AuditPlaces['addon'];
  };

/**
 * The addresses to open, once the settings go together.
 * @throws EntropyError `ERR_CONFIG`
 */
export function checkedAddresses({
  listen,
  passed = [],
  audit,
  auditRequired,
  ...options
}: ConfiguredGateway): Address[] {
  const addresses = listen.map(parseAddress);
  if (passed.length + addresses.length === 0)
    throw new EntropyError('ERR_CONFIG', 'listen: want at least one HOST:PORT or unix:PATH');
  checkAccess(options);
  workerCount(options);
  if (auditRequired && audit === undefined)
    throw new EntropyError(
      'ERR_CONFIG',
      'an audit log is required, and none is configured: audit = "FILE", "journal" or "syslog" in [gateway]',
      { key: 'gateway.audit_required' },
    );
  return addresses;
}

/** The gateway's files, checked; the caller's, including the audit log's output. */
export interface GatewayFiles {
  readonly credentials: CredentialsFile | undefined;
  /** The text that `credentials` was read from. */
  readonly credentialsText: string | undefined;
  readonly tls: TlsContext | undefined;
  readonly audit: AuditOutput | undefined;
}

/**
 * Reads and opens all files that are configured; if one of them is at fault nothing stays open.
 * @param operations that the credentials file may grant
 * @param auditOutput the one in use; it is opened again
 * @param reader of the secrets among them
 * @throws EntropyError `ERR_CONFIG`
 */
export async function loadFiles(
  settings: Pick<ConfiguredGateway, 'credentials' | 'tls' | 'audit' | 'addon'>,
  operations: readonly Operation[],
  auditOutput?: AuditOutput,
  reader: Reader | 'owner' = self,
): Promise<GatewayFiles> {
  const { credentials, tls, audit, addon } = settings;
  // An empty path is a fault too, and not the same as none.
  const read =
    credentials === undefined ? undefined : await loadCredentials(credentials, operations, reader);
  return {
    credentials: read?.file,
    credentialsText: read?.text,
    tls: tls === undefined ? undefined : await loadTls(tls, reader),
    // Last: there is nothing to close when one of the others fails.
    audit:
      audit === undefined
        ? undefined
        : await (auditOutput?.reopen() ?? openAuditOutput(audit, { addon })),
  };
}

async function loadCredentials(
  path: string,
  operations: readonly Operation[],
  reader: Reader | 'owner',
): Promise<{ file: CredentialsFile; text: string }> {
  const bytes = await readPrivateFile(path, 'credentials file', 'gateway.credentials', reader);
  try {
    const text = bytes.toString();
    return { file: parseCredentialsFile(text, path, operations), text };
  } finally {
    bytes.fill(0);
  }
}

/**
 * Finds what would keep a gateway from starting as configured, as far as that can be told without
 * listening, and without opening the audit log: that would create the file, as another user's maybe.
 * @param reader of the secrets: `owner` for a check by root, who is not the gateway
 * @throws EntropyError `ERR_CONFIG`, `ERR_LISTEN`
 */
export async function checkGateway(
  options: ConfiguredGateway,
  reader: Reader | 'owner' = self,
  entries: readonly ApiEntry[] = allApis,
): Promise<void> {
  const missing = missingForOthers(options);
  for (const address of checkedAddresses(options))
    if ('host' in address) refuseOthers(address, missing);
  const log = { info() {}, warn() {}, error() {} };
  for (const entry of servedApis(options.apis, entries)) await entry.create(options, log).close?.();
  await loadFiles({ ...options, audit: undefined }, operationsOf(entries), undefined, reader);
}
