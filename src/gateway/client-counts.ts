/** Open connections by client: what counts as one, and which are over their limit. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import { clientNetwork, isLoopback } from '../common/address.js';
import type { GatewayLimits } from '../config/config.js';

/** Counts for one gateway. */
export class ClientCounts {
  readonly #most: number;
  readonly #proxies = new BlockList();
  readonly #open = new Map<string, number>();

  constructor({
    connectionsPerAddress,
    trustedProxies,
  }: Pick<GatewayLimits, 'connectionsPerAddress' | 'trustedProxies'>) {
    this.#most = connectionsPerAddress;
    for (const range of trustedProxies) {
      const [address, bits] = range.split('/') as [string, string | undefined];
      const family = isIPv6(address) ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.#proxies.addAddress(address, family);
      else this.#proxies.addSubnet(address, Number(bits), family);
    }
  }

  /** @returns the address, or its network; undefined: this host's, a proxy's, or there is no limit */
  clientOf(address = ''): string | undefined {
    if (this.#most === 0) return undefined;
    const version = isIP(address);
    if (version === 0 || isLoopback(address)) return undefined;
    if (this.#proxies.check(address, version === 6 ? 'ipv6' : 'ipv4')) return undefined;
    return clientNetwork(address);
  }

  /** Whether it has as many connections as it may have. */
  isFull(client: string | undefined): boolean {
    return client !== undefined && (this.#open.get(client) ?? 0) >= this.#most;
  }

  opened(client: string | undefined): void {
    if (client !== undefined) this.#open.set(client, (this.#open.get(client) ?? 0) + 1);
  }

  /** Once for each {@link opened}. */
  closed(client: string | undefined): void {
    if (client === undefined) return;
    const others = (this.#open.get(client) ?? 0) - 1;
    if (others > 0) this.#open.set(client, others);
    else this.#open.delete(client);
  }
}
