/** Servers as separate processes on private Unix sockets, all on one core. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

const startTimeoutMs = 10_000;

/** A daemon that has just started still probes how it can read and loads modules on first use. */
const settleMs = 500;

export async function connectTo(path) {
  const socket = connect(path);
  await once(socket, 'connect');
  return socket;
}

/** Sends bytes; resolves with the first bytes that come back. */
export async function exchange(socket, bytes) {
  socket.write(bytes);
  const [data] = await once(socket, 'data');
  return data;
}

/**
 * Starts a server without waiting for it.
 * @param program returns its command line for a socket path
 */
export function spawnServer(bench, name, program) {
  const path = join(bench.folder, `${name}.sock`);
  rmSync(path, { force: true });
  const child = spawn('taskset', ['-c', String(bench.core), ...program(bench, path)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  child.stderr.on('data', (text) => {
    complaints += text;
  });
  const exited = once(child, 'exit');
  return {
    path,
    pid: child.pid,
    /** CPU time of the main thread, nanoseconds (schedstat of proc(5)). */
    cpuNs: () => Number(readFileSync(`/proc/${child.pid}/schedstat`, 'utf8').split(' ', 1)[0]),
    /** Connects as soon as the server accepts. */
    async connect() {
      for (const deadline = performance.now() + startTimeoutMs; ; ) {
        try {
          return await connectTo(path);
        } catch (cause) {
          if (performance.now() > deadline || child.exitCode !== null)
            throw new Error(`${name} did not start: ${complaints}`, { cause });
          await setTimeout(1);
        }
      }
    },
    async stop() {
      child.kill();
      await exited;
    },
  };
}

/** Starts servers, passes them on by name when all of them listen, and always stops them. */
export async function withServers(bench, programs, use) {
  const servers = {};
  try {
    for (const [name, program] of Object.entries(programs)) {
      servers[name] = spawnServer(bench, name, program);
      (await servers[name].connect()).destroy();
    }
    await setTimeout(settleMs);
    return await use(servers);
  } finally {
    for (const server of Object.values(servers)) await server.stop();
  }
}
