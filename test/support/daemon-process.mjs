/** The built daemon as a process on its own socket, with the kernel's figures about it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { connect } from '../../dist/index.js';

const program = fileURLToPath(new URL('../../dist/entropyd.js', import.meta.url));

/** Longest that it may take to answer its first request. */
const startMs = 30_000;

/** Open descriptors are settled when their number stays the same for `settledMs`. */
const settledMs = 1_000;
const settleMs = 20_000;
const pollMs = 50;

/**
 * Starts a daemon; it ends with this process at the latest.
 * @param args command line, except for `--socket`
 * @returns when it answers
 * @throws Error with the end of its log if it does not
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
  await listening(child, exited).catch((error) => {
    throw new Error(`the daemon does not listen: ${error.message}: ${log}`);
  });
  await answers(path);

  const running = () => child.exitCode === null && child.signalCode === null;
  const descriptors = () => (running() ? readdirSync(`/proc/${child.pid}/fd`).length : 0);
  return {
    path,
    descriptors,
    /** Resident memory, bytes; 0 after the daemon has ended. */
    residentBytes() {
      if (!running()) return 0;
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0);
    },
    /** Number of open descriptors, once it no longer changes. */
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
    /** Sends SIGTERM. @returns exit code or signal, and the end of the log */
    async stop() {
      child.kill('SIGTERM');
      const [status, signal] = await exited;
      return { status: status ?? signal, log };
    },
  };
}

async function listening(child, exited) {
  let text = '';
  const said = new Promise((resolve) => {
    child.stderr.on('data', (data) => {
      text += data;
      if (text.includes('entropyd listening')) resolve();
    });
  });
  const ended = exited.then(([status, signal]) => {
    throw new Error(`it ended with ${status ?? signal}`);
  });
  await Promise.race([said, ended]);
}

async function answers(socketPath) {
  const client = connect({ socketPath, timeoutMs: startMs });
  try {
    await client.random(1);
  } finally {
    await client.close();
  }
}
