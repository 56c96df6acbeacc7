/**
 * What clients ask before they ask for bytes: whether the server serves, and whether their token is
 * good. In the least form that they read, and pure.
 *
 * Sources: [D] Vault's API documentation, [S] the servers' source, [C] the source of clients: hvac,
 * node-vault-client, the servers' Go packages and Spring Vault.
 */

/** The servers answer both without a token [D]. */
export const healthPath = '/v1/sys/health';
export const sealStatusPath = '/v1/sys/seal-status';

export const lookupSelfPath = '/v1/auth/token/lookup-self';

/** [D] of a server that is not a standby. */
const healthCodes = { activecode: 200, sealedcode: 503 } as const;

/** Go's Duration ends after 292 years, and an integer of 32 bits after 68 [C]. */
const maxTtlSeconds = 2 ** 31 - 1;

/** Codes of which every client takes the answer as final. The servers do not check theirs [S]. */
const finalCode = /^[2-5]\d\d$/;

/**
 * The status of an answer about health, which the query may choose [D]: the Go packages want any below
 * 400, to read the body [C]. Codes of states that do not exist here are ignored.
 * @param serves whether random bytes are to be had
 * @param query without the question mark
 * @returns undefined: the query has something else than a code
 */
export function healthStatus(serves: boolean, query: string): number | undefined {
  const name = serves ? 'activecode' : 'sealedcode';
  const chosen = new URLSearchParams(query).get(name);
  if (chosen === null) return healthCodes[name];
  return finalCode.test(chosen) ? Number(chosen) : undefined;
}

/**
 * The answer about health [D]. There is no standby and no replication, and the version is not one of
 * Vault: it is left out, as clients can do without [C].
 * @param nowMs milliseconds since 1970
 */
export function healthOf(serves: boolean, nowMs: number): object {
  return {
    initialized: true,
    sealed: !serves,
    standby: false,
    performance_standby: false,
    replication_performance_mode: 'disabled',
    replication_dr_mode: 'disabled',
    server_time_utc: seconds(nowMs),
  };
}

/**
 * The seal's status [D]. The type is ours, so that nobody looks for a seal to open: no key is asked for,
 * and what seems sealed opens by itself.
 */
export function sealStatusOf(serves: boolean): object {
  return {
    type: 'entropyd',
    initialized: true,
    sealed: !serves,
    t: 0,
    n: 0,
    progress: 0,
    nonce: '',
    version: '',
    migration: false,
    recovery_seal: false,
  };
}

/**
 * What a token's holder learns about it, in the envelope of every response: nothing but when it ends.
 * @param token as the caller sent it: node-vault-client goes on with the one that it gets back [C]
 * @param expiresAt milliseconds since 1970; Infinity: never, as the servers' root tokens
 * @param nowMs milliseconds since 1970, before `expiresAt`
 * @param requestId the response's id
 */
export function lookupOf(
  token: string,
  expiresAt: number,
  nowMs: number,
  requestId: string,
): object {
  const ends = Number.isFinite(expiresAt);
  // Zero would be a token that never ends [C].
  const ttl = ends ? Math.min(Math.ceil((expiresAt - nowMs) / 1000), maxTtlSeconds) : 0;
  return {
    request_id: requestId,
    lease_id: '',
    renewable: false,
    lease_duration: 0,
    data: {
      id: token,
      accessor: '',
      policies: ['default'],
      path: 'auth/token/create',
      meta: null,
      display_name: 'token',
      num_uses: 0,
      orphan: true,
      // When it was made, nobody knows. Clients add the ttl to it [C], which gives the right end.
      creation_time: seconds(nowMs),
      creation_ttl: ttl,
      expire_time: ends ? new Date(expiresAt).toISOString() : null,
      ttl,
      explicit_max_ttl: 0,
      entity_id: '',
      renewable: false,
      type: 'service',
    },
    wrap_info: null,
    warnings: null,
    auth: null,
  };
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
