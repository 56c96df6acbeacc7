/** The built daemon in a process of its own on a socket of its own, and what the kernel says of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../dist/entropyd.js', import.meta.url));

/** Longest that it may take to seed itself. */
const startMs = 30_000;

/** Descriptors that stay the same for so long are settled; longest wait for that. */
const settledMs = 1_000;
const settleMs = 20_000;
const pollMs = 50;

/**
 * Starts a daemon, which ends with this process at the latest.
 * @param args of the command line, besides the socket
 * @returns when it answers
 */
export async function startDaemon(args = []) {
  const folder = mkdtempSync(join(tmpdir(), 'entropyd-'));
  const path = join(folder, 's');
  const child = spawn(process.execPath, [program, '--socket', path, ...args], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (text) => {
    log = (log + text).slice(-4096);
  });
  const exited = once(child, 'exit');
  process.once('exit', () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  await seeded(path, child, () => log);

  const running = () => child.exitCode === null && child.signalCode === null;
  const descriptors = () => (running() ? readdirSync(`/proc/${child.pid}/fd`).length : 0);
  return {
    path,
    descriptors,
    /** Resident memory, bytes; 0 where the daemon is gone. */
    residentBytes() {
      if (!running()) return 0;
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    },
    /** Descriptors when nothing opens or closes any more. */
    async settledDescriptors() {
      let last = descriptors();
      const deadline = performance.now() + settleMs;
      for (let still = 0; still < settledMs && performance.now() < deadline; still += pollMs) {
        await setTimeout(pollMs);
        if (descriptors() !== last) still = 0;
        last = descriptors();
      }
      return last;
    },
    reload: () => child.kill('SIGHUP'),
    /** @returns exit code and the last lines of its log */
    async stop() {
      child.kill('SIGTERM');
      const [status, signal] = await exited;
      return { status: status ?? signal, log };
    },
  };
}

async function seeded(path, child, log) {
  const { connect } = await import('../../dist/index.js');
  const client = connect({ socketPath: path });
  const deadline = performance.now() + startMs;
  try {
    while ((await client.random(1).catch(() => undefined)) === undefined) {
      if (child.exitCode !== null || performance.now() > deadline)
        throw new Error(`the daemon does not answer: ${log()}`);
      await setTimeout(pollMs);
    }
  } finally {
    await client.close();
  }
}
