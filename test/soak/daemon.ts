/** The built daemon as a process on its own socket, and whether its memory and descriptors stay flat. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '../../src/index.js';
import { programMs, until } from '../support/until.js';

// Not by support/program.ts: that loads tap, which ends its process after 30 s.
const program = fileURLToPath(new URL('../../dist/entropyd.js', import.meta.url));

/** The end of the log that is kept, characters. */
const maxLog = 4096;

/** The daemon as a process of its own. */
export interface DaemonProcess {
  /** Its socket. */
  readonly path: string;
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

/**
 * Starts a daemon that ends with this process at the latest.
 * @param args command line without `--socket`
 * @returns when it answers
 * @throws Error with the end of its log if it does not
 */
export async function startDaemon(args: readonly string[] = []): Promise<DaemonProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'entropyd-'));
  const path = join(folder, 's');
  const child = spawn(process.execPath, [program, '--socket', path, ...args], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  let listening = false;
  child.stderr.on('data', (text) => {
    log += text;
    listening ||= log.includes('entropyd listening');
    log = log.slice(-maxLog);
  });
  const exited = once(child, 'exit');
  process.once('exit', () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const running = () => child.exitCode === null && child.signalCode === null;
  const listens = () => {
    if (!running()) throw new Error(`the daemon has ended: ${log}`);
    return listening;
  };
  await until(listens, 'the daemon listens').catch((error) => {
    throw new Error(`${error.message}: ${log}`);
  });
  const ask = async <T>(call: (client: ReturnType<typeof connect>) => Promise<T>) => {
    const client = connect({ socketPath: path, timeoutMs: programMs });
    return call(client).finally(() => client.close());
  };
  await ask((client) => client.random(1));

  return {
    path,
    descriptors: () => (running() ? readdirSync(`/proc/${child.pid}/fd`).length : 0),
    residentBytes() {
      if (!running()) return 0;
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    },
    connections: async () => (await ask((client) => client.status())).connections - 1,
    reload: () => child.kill('SIGHUP'),
    async stop() {
      child.kill('SIGTERM');
      const [status, signal] = await exited;
      return { status: status ?? signal, log };
    },
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
