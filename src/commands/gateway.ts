/** `entropyd gateway`: the HTTP gateway as a process of its own. */
import { connect } from '../client.js';
import { type GatewayCommandFlags, loadGatewayConfig } from '../config.js';
import { startGateway } from '../gateway/gateway.js';
import type { Upstream } from '../gateway/upstream.js';
import { createLogger } from '../log.js';
import { loadAddon } from '../native.js';
import { terminationSignal } from './run.js';

/**
 * Serves until SIGTERM or SIGINT; SIGHUP reloads credentials, certificate and audit file. The daemon
 * need not be there yet.
 */
export async function gateway(flags: GatewayCommandFlags): Promise<void> {
  const ended = terminationSignal();
  // From the first moment on: without a listener the signal would end the process.
  let reload = () => {};
  const onHangup = () => reload();
  process.on('SIGHUP', onHangup);
  try {
    // Random bytes and secrets pass through this process too.
    loadAddon().addon?.harden();
    const { socket, upstream: url, upstreamResign, ...config } = await loadGatewayConfig(flags);
    const upstream = url === undefined ? undefined : await openUpstream(url, upstreamResign);
    const client = connect(socket === undefined ? {} : { socketPath: socket });
    const log = await createLogger();
    const running = await startGateway({ ...config, client, upstream, log });
    reload = () => void running.reload();
    await ended;
    await running.close();
    await upstream?.close();
    await client.close();
  } finally {
    process.off('SIGHUP', onHangup);
  }
}

/** Loaded where there is one. */
async function openUpstream(url: string, resign: boolean | undefined): Promise<Upstream> {
  const { createUpstream } = await import('../gateway/upstream.js');
  return createUpstream({ url, resign });
}
