/** `entropyd gateway`: the HTTP gateway as a process of its own, a client of the daemon. */
import { connect } from '../client/client.js';
import { parseAddress } from '../common/address.js';
import { createLogger } from '../common/log.js';
import { type GatewayFlags, loadGatewayConfig } from '../config/load.js';
import { startGateway } from '../gateway/gateway.js';
import { runService } from './service.js';

/** `FileDescriptorName=` of the gateway's socket units. */
const socketName = 'entropyd-gateway';

/** Over TLS this is a protocol error, which is answered too. */
const probeRequest = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';

/**
 * Serves until SIGTERM or SIGINT. SIGHUP reloads credentials, certificate and audit file. The
 * daemon need not run yet.
 * @throws EntropyError `ERR_CONFIG`, `ERR_LISTEN`
 */
export function serveGateway(options: GatewayFlags): Promise<void> {
  return runService({
    socketName,
    async start({ addon: { addon }, passed, status, listening }) {
      const flags = { ...options, activated: passed.length > 0 };
      const { socket, ...config } = await loadGatewayConfig(flags);
      const client = connect({
        coalesce: 'turn',
        ...(socket === undefined ? {} : { socketPath: socket }),
      });
      const log = await createLogger();
      const gateway = await startGateway({ ...config, passed, client, addon, log });
      const { addresses } = gateway;
      // A passed socket without a path is reported as a number, to which nobody can connect.
      const watched = addresses.find((address) => address.includes(':'));
      listening(
        watched === undefined ? undefined : { to: parseAddress(watched), request: probeRequest },
      );
      status(`Listening on ${addresses.join(', ')}`);
      return {
        reload: () => gateway.reload(),
        async close() {
          await gateway.close();
          await client.close();
        },
      };
    },
  });
}
