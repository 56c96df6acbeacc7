/**
 * The primary process of a gateway with workers. It has everything that there is once: addresses, files,
 * audit log, rates by key, counts of connections. It reads nothing that a client sends. Long because all of it
 * starts, reloads and ends as one.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiEntry } from '../../apis/api.js';
import { apis as allApis, defaultOperations, operationsOf } from '../../apis/list.js';
import { formatAddress } from '../../common/address.js';
import { EntropyError, errorCode } from '../../common/errors.js';
import { type Recorded, sum } from '../../common/prometheus.js';
import { type Every, every } from '../../common/timer.js';
import type { PassedSocket } from '../../common/unix-socket.js';
import { type Audit, createAudit } from '../audit.js';
import type { AuditOutput } from '../audit-output.js';
import { createAccess } from '../auth/credentials.js';
import { missingForOthers, warningsOf } from '../auth/openness.js';
import { checkedAddresses, loadFiles } from '../checked-configuration.js';
import { announce, closeGraceMs, type Gateway, type GatewayOptions, limitsOf } from '../gateway.js';
import { listen, transportOf } from '../listener.js';
import { GatewayCounters } from '../metrics.js';
import { recordProcess, recordShared } from '../metrics-page.js';
import { Reloads } from '../reloads.js';
import { certificateExpiry, type TlsContext } from '../tls-files.js';
import { Channel } from './channel.js';
import { type Clock, Crew, type Fork, type Member, type WorkerProcess } from './crew.js';
import { Dispatcher, type Receiver } from './dispatcher.js';
import {
  asCount,
  asEntry,
  asFigures,
  asName,
  type Handed,
  type Secrets,
  type Start,
  type State,
  secretsOf,
} from './messages.js';
import { shareOf } from './share.js';

/** For a worker to load and to begin, on a starved machine too; a service manager may wait less. Ours. */
const startMs = 120_000;

/** Between two looks at what workers have counted: what one counts after the last is lost when it dies. Ours. */
const lookMs = 1_000;

/** A worker that does not answer for so long is stuck, not starved: it is killed, and replaced. Ours. */
const stuckMs = 60_000;

/** For a worker to check or take over files: one that is stuck is killed before. */
const reloadMs = stuckMs + 2 * lookMs;

/** For the workers' figures when a page is asked for; then the last ones count. Ours. */
const figuresMs = 1_000;

/** For a worker to finish: what it gives requests under way, and then its audit log. */
const finishMs = closeGraceMs + 3_500;

/** For a worker to end once it has finished. Ours. */
const exitMs = 1_000;

/** What a gateway with workers is started with. */
export type WorkersOptions = Omit<GatewayOptions, 'client'> & {
  /** The number of workers, 2 or more. */
  readonly count: number;
  /** The daemon's socket; undefined: the default one. */
  readonly socket: string | undefined;
  readonly fork: Fork;
  /** What a test replaces. */
  readonly clock?: Clock;
  readonly timer?: Every;
};

/** A worker that was told to start. */
interface Worker extends Receiver {
  readonly channel: Channel;
  /** Brings its figures up to date. */
  look(timeoutMs: number): Promise<void>;
  kill(): void;
  figures: readonly Recorded[];
}

/**
 * Starts workers, then listens.
 * @returns the gateway, owned by the caller
 * @throws EntropyError `ERR_CONFIG`, `ERR_LISTEN`; what keeps a worker from starting
 */
export async function startWorkers(
  { count, socket, fork, clock, timer = every, passed = [], addon, ...options }: WorkersOptions,
  entries: readonly ApiEntry[] = allApis,
): Promise<Gateway> {
  const { log, ...settings } = options;
  const wanted = checkedAddresses({ ...options, passed });
  const operations = operationsOf(entries);
  const limits = limitsOf(options);
  const access = createAccess(defaultOperations(operations));
  const counters = new GatewayCounters([]);
  const dispatcher = new Dispatcher(limits, counters, log);
  const workers = new Set<Worker>();
  const listeners: { readonly server: Server; readonly address: string }[] = [];
  let secrets: Secrets = {};
  let tls: TlsContext | undefined;
  let audit: Audit | undefined;
  let auditOutput: AuditOutput | undefined;
  /** What workers had counted that are gone. */
  let retired: readonly Recorded[] = [];
  const counts = () => access.counts;
  const reloads = new Reloads({ settings: options, load: reload, counts, log });

  const crew = new Crew(count, fork, create, log, clock);

  const state = (): State => ({
    addresses: listeners.map(({ address }) => address),
    auditDropped: audit?.dropped,
    running: crew.running,
    restarts: crew.restarts,
  });

  function create(process: WorkerProcess): Member {
    let greeted = () => {};
    let lost = (_: Error) => {};
    const loaded = new Promise<void>((resolve, reject) => {
      [greeted, lost] = [resolve, reject];
    });
    loaded.catch(() => {});
    const channel = new Channel((message) => process.send(message), {
      loaded: () => greeted(),
      taken: () => dispatcher.taken(worker),
      closed: (id) => dispatcher.closed(worker, asCount(id)),
      take: (name) => access.count(asName(name)),
      audit: (entry) => audit?.write(asEntry(entry)) ?? true,
      missed: (lines) => audit?.missed(asCount(lines)),
      metrics: () => metrics(),
    });
    let isLooking = false;
    const worker: Worker = {
      channel,
      figures: [],
      kill: () => process.kill(),
      hand(id, socket, transport, isFull) {
        const message: Handed = { connection: [id, transport, isFull] };
        process.send(message, socket);
      },
      async look(timeoutMs) {
        const figures = await channel.ask('figures', state(), timeoutMs);
        worker.figures = asFigures(figures);
      },
    };
    const stopLooking = timer(async () => {
      if (isLooking || !workers.has(worker)) return;
      isLooking = true;
      await worker.look(stuckMs).catch((error: Error) => {
        if (errorCode(error) === 'ERR_CLOSED') return;
        log.error({ pid: process.pid, reason: error.message }, 'gateway worker does not answer');
        process.kill();
      });
      isLooking = false;
    }, lookMs);
    return {
      receive: (message) => channel.receive(message),
      async begin() {
        const late = new EntropyError('ERR_TIMEOUT', 'a gateway worker does not load');
        const timer = setTimeout(() => lost(late), startMs);
        await loaded.finally(() => clearTimeout(timer));
        // A reload is of the workers that there are.
        await reloads.done;
        workers.add(worker);
        const share = shareOf(limits, count);
        const start: Start = { settings, socket, secrets, limits, share, state: state() };
        await channel.ask('start', start, startMs);
        dispatcher.add(worker);
      },
      ended() {
        lost(new EntropyError('ERR_CLOSED', 'a gateway worker ended before it served'));
        stopLooking();
        channel.close();
        workers.delete(worker);
        dispatcher.remove(worker);
        const counted = worker.figures.filter(({ type }) => type !== 'gauge');
        retired = sum([retired, counted]);
      },
    };
  }

  async function metrics(): Promise<Recorded[]> {
    await Promise.all([...workers].map((worker) => worker.look(figuresMs).catch(() => {})));
    const { running, restarts, auditDropped } = state();
    const shared = recordShared({
      ...{ isOpen: !access.verifies, limits, auditDropped, workers: { running, restarts } },
      certificateExpiry: tls && certificateExpiry(tls),
    });
    const own = recordProcess({ counters, connectionsOpen: 0, own: [] });
    const all = [...workers].map(({ figures }) => figures);
    return [...shared, ...sum([own, retired, ...all])];
  }

  async function open(where: Parameters<typeof transportOf>[0]): Promise<void> {
    const transport = transportOf(where);
    const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true });
    server.on('connection', (socket: Socket) => dispatcher.accept(socket, transport));
    const address = await listen(server, where, missingForOthers(options));
    server.on('error', (error) => dispatcher.acceptFailed(address, error));
    listeners.push({ server, address });
  }

  async function openAll(sockets: readonly PassedSocket[]): Promise<void> {
    for (const socket of sockets) await open(socket);
    // One configuration serves with a socket unit and without.
    const there = new Set(listeners.map(({ address }) => address));
    for (const address of wanted) if (!there.has(formatAddress(address))) await open(address);
  }

  async function reload(): Promise<void> {
    const files = await loadFiles({ ...options, addon }, operations, auditOutput);
    const next = secretsOf(files);
    try {
      await Promise.all([...workers].map((worker) => prepare(worker, next)));
    } catch (error) {
      if (files.audit !== auditOutput) files.audit?.close();
      throw error;
    }
    // From here on nothing fails: a worker that does not follow is replaced.
    secrets = next;
    if (files.credentials !== undefined) access.adopt(files.credentials);
    tls = files.tls;
    if (files.audit !== undefined) audit?.adopt(files.audit);
    auditOutput = files.audit;
    await Promise.all([...workers].map(commit));
  }

  /** One that dies meanwhile is no reason: the next begins with what is in force then. */
  async function prepare(worker: Worker, next: Secrets): Promise<void> {
    await worker.channel.ask('prepare', next, reloadMs).catch((error) => {
      if (errorCode(error) !== 'ERR_CLOSED') throw error;
    });
  }

  async function commit(worker: Worker): Promise<void> {
    await worker.channel.ask('commit', null, reloadMs).catch(() => worker.kill());
  }

  async function end(grace: Promise<unknown>): Promise<void> {
    // Stops listening at once; the rest of it waits for the last worker.
    const closed = listeners.map(({ server }) => new Promise((resolve) => server.close(resolve)));
    crew.dismiss();
    await Promise.race([dispatcher.idle(), grace]);
    const finishing = [...workers].map(({ channel }) => channel.ask('finish', null, finishMs));
    await Promise.allSettled(finishing);
    dispatcher.close();
    await audit?.close();
    const timer = setTimeout(() => crew.kill(), exitMs);
    await crew.empty();
    clearTimeout(timer);
    await Promise.all(closed);
  }

  try {
    await reloads.mark();
    const files = await loadFiles({ ...options, addon }, operations);
    secrets = secretsOf(files);
    if (files.credentials !== undefined) access.adopt(files.credentials);
    ({ tls, audit: auditOutput } = files);
    const { auditRequired: isRequired } = options;
    audit = auditOutput && createAudit(auditOutput, log, { isRequired });
    await crew.start();
    await openAll(passed);
    const { addresses } = state();
    // Now pages have the addresses.
    await Promise.all([...workers].map((worker) => worker.look(startMs).catch(() => {})));
    announce(log, addresses, access.counts, warningsOf(options, access.verifies));
    return running(addresses);
  } catch (error) {
    await end(Promise.resolve());
    throw error;
  }

  function running(addresses: readonly string[]): Gateway {
    let closing: Promise<void> | undefined;
    reloads.start();
    return {
      addresses,
      failed: crew.failed,
      reload: () => reloads.request(),
      close() {
        closing ??= reloads.close().then(async () => {
          await end(delay(closeGraceMs, undefined, { ref: false }));
          log.info({ addresses }, 'gateway closed');
        });
        return closing;
      },
    };
  }
}
