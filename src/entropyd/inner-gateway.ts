/** The gateway in the daemon's own process: `entropyd --http`. */
import type { Config } from '../config/config.js';
import type { Gateway, GatewayOptions } from '../gateway/gateway.js';

/**
 * Starts a gateway in this process, a client of the daemon's own socket.
 * @param socketPath the daemon's; undefined: the default one
 * @param parts gets what has to be closed, even if starting fails
 * @returns the gateway, which is in `parts`
 * @throws EntropyError of `startGateway`
 */
export async function openGateway(
  options: Partial<GatewayOptions> & Pick<GatewayOptions, 'listen' | 'log'>,
  config: Config,
  socketPath: string | undefined,
  parts: { close(): Promise<void> | void }[],
): Promise<Gateway> {
  const [{ connect }, { startGateway }] = await Promise.all([
    import('../client/client.js'),
    import('../gateway/gateway.js'),
  ]);
  const client = connect({
    coalesce: 'turn',
    wipeable: true,
    ...(socketPath === undefined ? {} : { socketPath }),
  });
  parts.push(client);
  // The daemon has no way to other hosts, in or out: no TLS, no upstream, local addresses only. The quick
  // start may give it one, for development.
  const { tls, upstream, upstreamResign, huaweiUpstream, huaweiUpstreamResign, ...settings } =
    config.gateway;
  const gateway = await startGateway({
    ...settings,
    hostOnly: true,
    ...options,
    client,
  });
  parts.push(gateway);
  return gateway;
}
