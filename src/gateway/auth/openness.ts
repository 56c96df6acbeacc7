/** Whether a gateway may be open, for whom, and how it says so. */
import { EntropyError } from '../../common/errors.js';

/** What decides it. */
export interface Openness {
  /** The choice of the configuration; undefined: it says nothing. */
  readonly access?: 'open' | undefined;
  /** Path of the credentials file; without one the gateway is open. */
  readonly credentials?: string | undefined;
  readonly requireSignatures?: boolean | undefined;
  readonly tls?: object | undefined;
  /** Whether it starts open only if the configuration says so. */
  readonly noOpen?: boolean | undefined;
  /** Whether other hosts need neither TLS nor credentials: for development. */
  readonly insecureNetwork?: boolean | undefined;
  /** Whether no TLS and no credentials open it to other hosts. */
  readonly hostOnly?: boolean | undefined;
}

/**
 * Refuses a gateway that would be open without anybody's decision, or against one.
 * @throws EntropyError `ERR_CONFIG`, which names what to configure
 */
export function checkAccess(options: Openness): void {
  const { access, credentials, requireSignatures, noOpen } = options;
  if (access === 'open' && (requireSignatures || credentials !== undefined))
    throw new EntropyError(
      'ERR_CONFIG',
      'access = "open" contradicts credentials and require_signatures: remove one of them',
      { key: 'gateway.access' },
    );
  if (requireSignatures && credentials === undefined)
    throw new EntropyError(
      'ERR_CONFIG',
      `signatures are required, and there is nothing to verify them with: ${howToVerify(options)}`,
      { key: 'gateway.require_signatures' },
    );
  if (noOpen && access === undefined && credentials === undefined)
    throw new EntropyError(
      'ERR_CONFIG',
      'nothing says who may use this gateway: set credentials = "FILE" in [gateway], or access = "open" for every user of this host (--no-open)',
    );
}

/** The setting that verifies signatures and tokens; the daemon with --http has no option for it. */
function howToVerify({ hostOnly }: Openness): string {
  return hostOnly ? 'credentials = "FILE" in [gateway]' : '--credentials FILE';
}

/**
 * What other hosts' access would take, besides an address that they reach.
 * @returns in words, to be joined with "and"; empty: they may
 */
export function missingForOthers({
  hostOnly,
  insecureNetwork,
  tls,
  credentials,
}: Openness): string[] {
  if (hostOnly) return ['a gateway of its own (entropyd gateway)'];
  if (insecureNetwork) return [];
  return [
    ...(tls === undefined ? ['TLS (--tls-cert and --tls-key)'] : []),
    ...(credentials === undefined ? ['a credentials file (--credentials)'] : []),
  ];
}

/**
 * What is unsafe about a gateway: for its log at the start, its page, /healthz and /status.
 * @param verifies whether credentials are in force
 * @returns a sentence each; empty: nothing
 */
export function warningsOf(options: Openness, verifies: boolean): string[] {
  const warnings: string[] = [];
  if (!verifies)
    warnings.push(
      `open: any well-formed signature or token is accepted; to verify them: ${howToVerify(options)}`,
    );
  if (options.insecureNetwork)
    warnings.push(
      'insecure network: other hosts may use this gateway without TLS and without credentials; --insecure-network is for development',
    );
  return warnings;
}
