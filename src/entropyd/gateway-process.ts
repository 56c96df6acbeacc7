/** `entropyd gateway`: the HTTP gateway as a process of its own. */

import { connect } from '../client/client.js';
import { parseAddress } from '../common/address.js';
import { createLogger } from '../common/log.js';
import { loadAddon } from '../common/package.js';
import { terminationSignal } from '../common/program.js';
import { type GatewayCommandFlags, loadGatewayConfig } from '../config/config.js';
import { startGateway } from '../gateway/gateway.js';
import { answers, startWatchdog, takePassedSockets, takeServiceManager } from './systemd.js';

/** `FileDescriptorName=` of the gateway's socket units. */
const socketName = 'entropyd-gateway';

/** Over TLS it is a fault in the protocol, and answered too. */
const probeRequest = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

/**
 * Serves until SIGTERM or SIGINT; SIGHUP reloads credentials, certificate and audit file. The daemon
 * need not be there yet.
 */
export async function gateway(options: GatewayCommandFlags): Promise<void> {
  const ended = terminationSignal();
  // From the first moment on: without a listener the signal would end the process.
  let reload = () => {};
  const onHangup = () => reload();
  process.on('SIGHUP', onHangup);
  try {
    const loaded = loadAddon();
    // Random bytes and secrets pass through this process too.
    loaded.addon?.harden();
    const manager = takeServiceManager(loaded);
    const passed = takePassedSockets(socketName, loaded.addon);
    const flags = { ...options, activated: passed.length > 0 };
    const { socket, ...config } = await loadGatewayConfig(flags);
    const client = connect({
      coalesce: 'turn',
      ...(socket === undefined ? {} : { socketPath: socket }),
    });
    const log = await createLogger();
    const running = await startGateway({ ...config, passed, client, log });
    const ready = () => {
      manager.ready();
      manager.status(`Listening on ${running.addresses.join(', ')}`);
    };
    reload = () => {
      manager.reloading();
      void running.reload().then(ready);
    };
    ready();
    // A passed socket without a name is a number here, and cannot be connected to.
    const watched = running.addresses.find((address) => address.includes(':'));
    const endWatchdog = startWatchdog(manager, async (timeoutMs) =>
      watched === undefined ? true : answers(parseAddress(watched), probeRequest, timeoutMs),
    );
    await ended;
    manager.stopping();
    endWatchdog();
    await running.close();
    await client.close();
  } finally {
    process.off('SIGHUP', onHangup);
  }
}
