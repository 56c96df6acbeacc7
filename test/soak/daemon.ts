/** The built daemon and gateway as processes of their own, and whether their memory stays flat. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '../../src/index.js';
import { credentials } from '../support/credentials.js';
import { call } from '../support/gateway.js';
import { programMs, until } from '../support/until.js';

// Not by support/program.ts: that loads tap, which ends its process after 30 s.
const program = fileURLToPath(new URL('../../dist/entropyd.js', import.meta.url));

/** The end of the log that is kept, characters. */
const maxLog = 4096;

/** A program as a process of its own. */
export interface Process {
  /** Open descriptors; 0 after it has ended. */
  descriptors(): number;
  /** Resident memory, bytes; 0 after it has ended. */
  residentBytes(): number;
  /** Open connections to its socket. */
  connections(): Promise<number>;
  /** Sends SIGHUP. */
  reload(): void;
  /** Sends SIGTERM. @returns exit code or signal, and the end of the log */
  stop(): Promise<{ status: number | string | null; log: string }>;
}

export interface DaemonProcess extends Process {
  /** Its socket. */
  readonly path: string;
}

export interface GatewayProcess extends Process {
  /** Its socket. */
  readonly path: string;
  /** Its metrics, Prometheus text format. */
  metrics(): Promise<string>;
}

/** A folder that goes with this process. */
function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'entropyd-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Starts a program that ends with this process at the latest.
 * @param message of its log, once it listens
 * @throws Error with the end of its log if it does not
 */
async function startProcess(
  args: readonly string[],
  message: string,
): Promise<Omit<Process, 'connections'>> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  let listening = false;
  child.stderr.on('data', (text) => {
    log += text;
    listening ||= log.includes(message);
    log = log.slice(-maxLog);
  });
  const exited = once(child, 'exit');
  process.once('exit', () => child.kill('SIGKILL'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const running = () => child.exitCode === null && child.signalCode === null;
  const listens = () => {
    if (!running()) throw new Error(`the program has ended: ${log}`);
    return listening;
  };
  await until(listens, message).catch((error) => {
    throw new Error(`${error.message}: ${log}`);
  });
  return {
    descriptors: () => (running() ? readdirSync(`/proc/${child.pid}/fd`).length : 0),
    residentBytes() {
      if (!running()) return 0;
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    },
    reload: () => child.kill('SIGHUP'),
    async stop() {
      child.kill('SIGTERM');
      const [status, signal] = await exited;
      return { status: status ?? signal, log };
    },
  };
}

/**
 * Starts a daemon.
 * @param args command line without `--socket`
 * @returns when it answers
 * @throws Error with the end of its log if it does not
 */
export async function startDaemon(args: readonly string[] = []): Promise<DaemonProcess> {
  const path = join(makeFolder(), 's');
  const daemon = await startProcess(['--socket', path, ...args], 'entropyd listening');
  const ask = async <T>(call: (client: ReturnType<typeof connect>) => Promise<T>) => {
    const client = connect({ socketPath: path, timeoutMs: programMs });
    return call(client).finally(() => client.close());
  };
  await ask((client) => client.random(1));
  return {
    ...daemon,
    path,
    connections: async () => (await ask((client) => client.status())).connections - 1,
  };
}

/**
 * Starts a gateway that verifies the credentials of test/support/credentials.ts.
 * @param daemonPath the daemon's socket
 */
export async function startGateway(daemonPath: string): Promise<GatewayProcess> {
  const folder = makeFolder();
  const path = join(folder, 'g');
  const file = join(folder, 'credentials.toml');
  writeFileSync(file, credentials, { mode: 0o600 });
  const gateway = await startProcess(
    ['gateway', '--socket', daemonPath, '--listen', `unix:${path}`, '--credentials', file],
    'gateway listening',
  );
  const headers = { host: 'localhost' };
  const metrics = async () => (await call({ socketPath: path, path: '/metrics', headers })).body;
  const open = /^entropyd_gateway_connections_open (\d+)$/m;
  return {
    ...gateway,
    path,
    metrics,
    connections: async () => Number(open.exec(await metrics())?.[1]) - 1,
  };
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

/**
 * The largest growth over the second half of a run that counts as flat, bytes. The lows of the daemon's
 * resident memory wander by a few MiB; one pointer leaked per frame is 40 MB after five million frames.
 */
const maxGrowthBytes = 16 * 2 ** 20;

/** Stretches whose lows are compared: V8 lets its heap grow by 20 MiB and more before it collects. */
const stretches = 10;

/**
 * Prints how much memory grew.
 * @param resident samples of resident memory, at least twenty, taken at even intervals
 * @returns whether it stayed flat
 */
export function isFlat(resident: readonly number[]): boolean {
  const grown = growth(resident);
  const limit = mebibytes(maxGrowthBytes);
  console.log(`memory: ${mebibytes(grown)} in the second half, at most ${limit}`);
  return grown <= maxGrowthBytes;
}

/**
 * Growth over the second half of the samples, by a least-squares line through the lowest sample of
 * each stretch. In the first half code is compiled and heaps find their size.
 */
function growth(samples: readonly number[]): number {
  const half = samples.slice(samples.length >> 1);
  const size = half.length / stretches;
  const middle = (stretches - 1) / 2;
  let covariance = 0;
  let variance = 0;
  for (let i = 0; i < stretches; i++) {
    const low = Math.min(...half.slice(Math.floor(i * size), Math.floor((i + 1) * size)));
    covariance += (i - middle) * low;
    variance += (i - middle) ** 2;
  }
  return (covariance / variance) * stretches;
}
