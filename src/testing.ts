/**
 * The package export `entropyd/testing`, for test suites: a client without a daemon, and a gateway in
 * front of it. Their bytes are not random. No program of the package has such a mode.
 */
import { createTestClient, type TestClient, type TestClientOptions } from './client/testing.js';
import type { GatewayConfig } from './config/config.js';

export {
  createTestClient,
  type Fault,
  type TestClient,
  type TestClientOptions,
} from './client/testing.js';

/** Options of {@link startTestGateway}; `dialect` is the gateway's. */
export interface TestGatewayOptions
  extends Omit<TestClientOptions, 'signal' | 'timeoutMs'>,
    Partial<Pick<GatewayConfig, 'nodeSdkErrors' | 'regions'>> {
  /** Path of a credentials file; without it any well-formed signature or token is accepted. */
  credentials?: string;
}

/** A gateway, for tests. */
export interface TestGateway {
  /** `http://127.0.0.1:PORT`, for an SDK's endpoint. */
  readonly url: string;
  /** What it gets its bytes from: further faults, and the status. */
  readonly client: TestClient;
  /** Ends its connections; the port is free then. */
  close(): Promise<void>;
}

const noLog = { info() {}, warn() {}, error() {} };

/**
 * Starts a gateway in this process, on a free port of 127.0.0.1. It answers all APIs as the real one
 * does; a fault becomes each API's own error, as docs/clients.md lists them.
 * @returns the gateway, owned by the caller
 * @throws EntropyError `ERR_PARAMS`, `ERR_CONFIG`
 */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const { credentials, nodeSdkErrors, regions, ...rest } = options;
  const { dialect } = rest;
  const client = createTestClient(rest);
  const [{ mergeGatewayConfig }, { startGateway }] = await Promise.all([
    import('./config/load.js'),
    import('./gateway/gateway.js'),
  ]);
  const flags = { listen: ['127.0.0.1:0'], credentials, dialect, nodeSdkErrors, regions };
  const gateway = await startGateway({
    ...mergeGatewayConfig(undefined, flags),
    client,
    log: noLog,
  });
  return {
    url: `http://${gateway.addresses[0]}`,
    client,
    async close() {
      await gateway.close();
      await client.close();
    },
  };
}
