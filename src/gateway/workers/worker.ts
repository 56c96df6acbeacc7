/**
 * A worker: a process that answers requests on the connections that the primary process hands to it. It
 * opens no address, no file and no log of its own.
 */
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { ApiEntry, Logger, RandomSource } from '../../apis/api.js';
import { apis as allApis, defaultOperations, operationsOf } from '../../apis/list.js';
import type { Recorded } from '../../common/prometheus.js';
import type { Audit } from '../audit.js';
import { createAccess } from '../auth/credentials.js';
import { parseCredentialsFile } from '../auth/credentials-file.js';
import { closeGraceMs } from '../gateway.js';
import { closeListeners, createRequestServer, type RequestServer } from '../listener.js';
import type { Transport } from '../request-head.js';
import { createServing, type Serving } from '../serving.js';
import { Channel } from './channel.js';
import { type Handed, type Secrets, type Start, type State, tlsOf } from './messages.js';
import { createRemoteAudit } from './remote-audit.js';

/** For the primary to count a request: it does nothing that waits. */
const takeMs = 5_000;

/** For the primary to collect what all workers have counted. */
const metricsMs = 3_000;

/** What a worker is given by its program. */
export interface WorkerHost {
  readonly log: Logger;
  /** Connects to the daemon; undefined: at its default path. */
  connect(socketPath: string | undefined): RandomSource & { close(): Promise<void> };
  /** Sends to the primary process. */
  send(message: object): void;
  /** Ends the process: everything is done. */
  end(): void;
}

/** Takes in what the primary sends, a connection with some of it. */
export interface Worker {
  /** Says that it is ready to {@link receive}: node:cluster loses what comes before. */
  greet(): void;
  receive(message: unknown, socket?: Socket): void;
}

/** What a worker is, once it has been started. */
interface Running {
  readonly serving: Serving;
  readonly audit: Audit | undefined;
  readonly servers: Readonly<Record<Transport, RequestServer>>;
  adopt(secrets: Secrets): void;
  close(): Promise<void>;
}

/** Waits for the primary to start it. */
export function createWorker(host: WorkerHost, entries: readonly ApiEntry[] = allApis): Worker {
  const operations = operationsOf(entries);
  let running: Promise<Running> | undefined;
  let state: State;
  let prepared: Secrets | undefined;

  const channel: Channel = new Channel((message) => host.send(message), {
    start(value) {
      running = begin(value as Start);
      return running.then(() => null);
    },
    figures(value) {
      state = value as State;
      return running?.then(({ serving }) => serving.figures());
    },
    prepare: (value) => prepare(value as Secrets),
    async commit() {
      const { adopt } = (await running) as Running;
      if (prepared === undefined) throw new Error('nothing is prepared');
      adopt(prepared);
      prepared = undefined;
    },
    finish: () => finish(),
  });

  async function begin(start: Start): Promise<Running> {
    const { settings, socket, secrets, limits, share } = start;
    state = start.state;
    const take = (name: string) =>
      channel.ask('take', name, takeMs).then(
        (isTaken) => isTaken === true,
        // Without the count nobody knows whether it is within the rate.
        () => false,
      );
    const access = createAccess(defaultOperations(operations), undefined, take);
    const { auditRequired = false } = settings;
    const audit =
      settings.audit === undefined
        ? undefined
        : createRemoteAudit(channel, auditRequired, () => state.auditDropped ?? 0);
    const client = host.connect(socket);
    const { log } = host;
    const serving = createServing(
      {
        ...{ settings, client, log, access, audit, limits, share },
        listen: () => state.addresses,
        workers: () => ({ running: state.running, restarts: state.restarts }),
        metrics: async () => (await channel.ask('metrics', null, metricsMs)) as Recorded[],
      },
      entries,
    );
    const adopt = (next: Secrets) => {
      const file = credentialsOf(next);
      if (file !== undefined) serving.adopt(file);
      const tls = tlsOf(next);
      if (tls !== undefined) for (const { renew } of Object.values(servers)) renew(tls);
    };
    const { handler, malformed, connections } = serving;
    const options = { handler, malformed, connections, tls: tlsOf(secrets) };
    const servers = {
      unix: createRequestServer('unix', options),
      tcp: createRequestServer('tcp', options),
    };
    // node:http keeps its times only from this event on, and these never listen.
    for (const { server } of Object.values(servers)) server.emit('listening');
    const file = credentialsOf(secrets);
    if (file !== undefined) access.adopt(file);
    await serving.prepare();
    return {
      ...{ serving, audit, servers, adopt },
      async close() {
        const grace = setTimeout(closeGraceMs, undefined, { ref: false });
        const ended = Promise.race([handler.finish(), grace]);
        await closeListeners(Object.values(servers), connections, ended);
        connections.close();
        await audit?.close();
        await serving.close();
        await client.close();
      },
    };

    function credentialsOf({ credentials }: Secrets) {
      return credentials === undefined
        ? undefined
        : parseCredentialsFile(credentials, settings.credentials ?? '', operations);
    }
  }

  /** @throws if this worker could not use them */
  async function prepare(secrets: Secrets): Promise<void> {
    await running;
    if (secrets.credentials !== undefined)
      parseCredentialsFile(secrets.credentials, 'credentials', operations);
    prepared = secrets;
  }

  async function finish(): Promise<void> {
    await (await running)?.close();
    // The answer goes first.
    setImmediate(() => setImmediate(() => host.end()));
  }

  /** A connection is this worker's own from here on. */
  async function accept(
    [id, transport, isFull]: Handed['connection'],
    socket: Socket | undefined,
  ): Promise<void> {
    channel.note('taken', id);
    channel.flush();
    const closed = () => channel.note('closed', id);
    if (socket === undefined) return closed();
    socket.once('close', closed);
    const { servers, serving } = (await running) as Running;
    // node:child_process makes it without.
    socket.allowHalfOpen = true;
    // node:net remembers these once read: later they may be gone.
    void [socket.remoteAddress, socket.localAddress];
    const { server, isSecure } = servers[transport];
    server.emit('connection', socket);
    serving.connections.accept(socket, isSecure, isFull);
  }

  return {
    greet: () => channel.note('loaded', null),
    receive(message, socket) {
      const { connection } = Object(message) as Partial<Handed>;
      if (connection === undefined) channel.receive(message);
      else void accept(connection, socket);
    },
  };
}
