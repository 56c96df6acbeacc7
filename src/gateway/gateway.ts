/** The gateway in one process: its listeners, and the files that say who may ask. */
import { setTimeout } from 'node:timers/promises';
import type { ApiEntry, Logger, RandomSource } from '../apis/api.js';
import { apis as allApis, defaultOperations, operationsOf } from '../apis/list.js';
import { formatAddress } from '../common/address.js';
import { descriptorLimit, withinDescriptors } from '../common/descriptors.js';
import { defaultGatewayLimits, type GatewayLimits, withDefaults } from '../config/config.js';
import { type Audit, createAudit } from './audit.js';
import type { AuditOutput } from './audit-output.js';
import { createAccess } from './auth/credentials.js';
import { missingForOthers } from './auth/openness.js';
import { type ConfiguredGateway, checkedAddresses, loadFiles } from './checked-configuration.js';
import { closeListeners, type Listener, type ListenerOptions, openListener } from './listener.js';
import { recordShared } from './metrics-page.js';
import { Reloads } from './reloads.js';
import { createServing, type Serving } from './serving.js';
import { certificateExpiry, type TlsContext } from './tls-files.js';

/** How long requests in flight may take to finish on close; the daemon allows itself the same. */
export const closeGraceMs = 5000;

/** What a gateway is started with: the configuration, and its surroundings. */
export type GatewayOptions = ConfiguredGateway & {
  /** The daemon; stays the caller's, also on close. */
  readonly client: RandomSource;
  readonly log: Logger;
};

/** A running gateway. */
export interface Gateway {
  /** What was bound, as `--listen` takes it. */
  readonly addresses: readonly string[];
  /**
   * Reads credentials, certificate and key again and reopens the audit file; connections stay. If one
   * of them is at fault nothing changes, and the log says so. The gateway does it by itself when one of
   * the three has been renewed.
   */
  reload(): Promise<void>;
  /** Accepts no more requests, answers those it has (at most 5 s), then ends every connection. */
  close(): Promise<void>;
  /** Rejects once it cannot go on; a gateway of one process ends with its process instead. */
  readonly failed?: Promise<never>;
}

/**
 * Starts listening. When one address fails, those already open are closed again.
 * @param entries the APIs that there are; `options.apis` may leave some out
 * @returns the gateway, owned by the caller
 * @throws EntropyError `ERR_CONFIG`, `ERR_LISTEN`
 */
export async function startGateway(
  options: GatewayOptions,
  entries: readonly ApiEntry[] = allApis,
): Promise<Gateway> {
  const { client, log, passed = [] } = options;
  const wanted = checkedAddresses(options);
  const operations = operationsOf(entries);
  const access = createAccess(defaultOperations(operations));
  const limits = limitsOf(options);
  const listeners: Listener[] = [];
  let tls: TlsContext | undefined;
  let audit: Audit | undefined;
  let auditOutput: AuditOutput | undefined;
  let serving: Serving | undefined;
  const counts = () => access.counts;
  const reloads = new Reloads({ settings: options, load: reload, counts, log });

  async function end(grace?: Promise<unknown>): Promise<void> {
    const { connections } = serving ?? {};
    if (connections !== undefined) await closeListeners(listeners, connections, grace);
    connections?.close();
    await audit?.close();
    await serving?.close();
  }

  try {
    await reloads.mark();
    const files = await loadFiles(options, operations);
    if (files.credentials !== undefined) access.adopt(files.credentials);
    auditOutput = files.audit;
    const { auditRequired: isRequired } = options;
    audit = auditOutput && createAudit(auditOutput, log, { isRequired });
    tls = files.tls;
    const figures = (own: Serving) => [
      ...recordShared({
        isOpen: !access.verifies,
        limits,
        auditDropped: audit?.dropped,
        certificateExpiry: tls && certificateExpiry(tls),
      }),
      ...own.figures(),
    ];
    const own = createServing(
      {
        settings: options,
        ...{ client, log, access, audit, limits },
        listen: () => listeners.map(({ address }) => address),
        metrics: () => figures(own),
      },
      entries,
    );
    serving = own;
    const { handler, malformed, connections } = own;
    await openAll({ handler, malformed, connections, tls, missing: missingForOthers(options) });
    await own.prepare();
    const addresses = listeners.map(({ address }) => address);
    announce(log, addresses, access.counts, own.warnings());
    return running(addresses, own);
  } catch (error) {
    await end();
    throw error;
  }

  async function openAll(common: ListenerOptions): Promise<void> {
    for (const socket of passed) listeners.push(await openListener(socket, common));
    // One configuration serves with a socket unit and without.
    const there = new Set(listeners.map(({ address }) => address));
    for (const address of wanted)
      if (!there.has(formatAddress(address))) listeners.push(await openListener(address, common));
  }

  async function reload(): Promise<void> {
    const next = await loadFiles(options, operations, auditOutput);
    // From here on nothing fails.
    if (next.credentials !== undefined) serving?.adopt(next.credentials);
    if (next.tls !== undefined) {
      tls = next.tls;
      for (const { renew } of listeners) renew(next.tls);
    }
    if (next.audit !== undefined) audit?.adopt(next.audit);
    auditOutput = next.audit;
  }

  function running(addresses: readonly string[], { handler }: Serving): Gateway {
    let closing: Promise<void> | undefined;
    reloads.start();
    return {
      addresses,
      reload: () => reloads.request(),
      close() {
        closing ??= reloads.close().then(async () => {
          const grace = setTimeout(closeGraceMs, undefined, { ref: false });
          await end(Promise.race([handler.finish(), grace]));
          log.info({ addresses }, 'gateway closed');
        });
        return closing;
      },
    };
  }
}

/** Says what a gateway that has started serves, to whom. */
export function announce(
  log: Logger,
  addresses: readonly string[],
  counts: object | undefined,
  warnings: readonly string[],
): void {
  log.info({ addresses }, 'gateway listening');
  if (counts !== undefined) log.info(counts, 'signatures and tokens are verified');
  for (const warning of warnings) log.warn({}, warning);
}

/** The limits in force: as configured, and no more connections than there are descriptors for. */
export function limitsOf({ log, ...options }: Omit<GatewayOptions, 'client'>): GatewayLimits {
  const wanted = withDefaults(defaultGatewayLimits, options);
  const limits = withinDescriptors(wanted, descriptorLimit());
  const { connections } = limits;
  if (connections < wanted.connections)
    log.warn({ wanted: wanted.connections, connections }, 'fewer connections: RLIMIT_NOFILE');
  return limits;
}
