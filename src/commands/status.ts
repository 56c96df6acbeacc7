/** `entropyctl status`: the whole picture of the daemon, once or again and again. */
import { setTimeout } from 'node:timers/promises';
import { connect, type DaemonStatus } from '../client.js';

export interface StatusCommandOptions {
  socket?: string;
  json?: boolean;
  watch?: boolean;
}

const watchIntervalMs = 2_000;
const clearScreen = '\x1b[2J\x1b[H';

/** The status as lines for a terminal. */
export function describe(status: DaemonStatus): string {
  const { state, reason, sources } = status;
  const lines = [
    `entropyd ${status.version}, pid ${status.pid}, up ${status.uptimeSeconds} s (Node ${status.node}, OpenSSL ${status.openssl})`,
    `state: ${state}${reason === '' ? '' : ` (${reason})`}`,
    `seeds: ${status.reseeds}, the last ${status.secondsSinceReseed} s and ${status.requestsSinceReseed} requests ago; buffers ${status.memoryLocked ? 'locked' : 'not locked'}`,
    `connections: ${status.connections} open of ${status.connectionsTotal}; requests: ${status.requests}; random bytes: ${status.randomBytes}`,
  ];
  for (const [code, count] of Object.entries(status.errors))
    lines.push(`refused ${code}: ${count}`);
  for (const source of sources) {
    if (source.state === 'absent') {
      lines.push(`${source.name}: absent`);
      continue;
    }
    const rate = (source.bytesPerSecond / 1e6).toFixed(2);
    const trouble = [source.lastAlarm, source.lastError].filter((text) => text !== '').join(', ');
    lines.push(
      `${source.name}${source.rngCurrent ? ` (${source.rngCurrent})` : ''}: ${source.state}, credited ${source.creditedBitsPerByte} of ${source.testedBitsPerByte} tested bits a byte, ` +
        `${source.bytes} bytes at ${rate} MB/s, ${source.retries} retries, ${source.alarms} alarms${trouble === '' ? '' : ` (${trouble})`}`,
    );
  }
  return lines.join('\n');
}

/** Prints the status; with `watch` until the process is ended. */
export async function status(options: StatusCommandOptions): Promise<void> {
  const { socket, json = false, watch = false } = options;
  const client = connect(socket === undefined ? {} : { socketPath: socket });
  try {
    for (;;) {
      const current = await client.status();
      const text = json ? JSON.stringify(current, null, 2) : describe(current);
      console.log(watch && process.stdout.isTTY ? `${clearScreen}${text}` : text);
      if (!watch) return;
      await setTimeout(watchIntervalMs);
    }
  } finally {
    await client.close();
  }
}
