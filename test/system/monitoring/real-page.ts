/** A complete page of metrics: the real daemon behind a gateway with every feature enabled. */
import { join } from 'node:path';
import type { Test } from 'tap';
import { makeCertificate } from '../../support/certificates.js';
import { call } from '../../support/gateway.js';
import { startRealPath, writeKeys } from '../interop/real-path.js';

/** @returns Prometheus text format */
export async function realPage(t: Test): Promise<string> {
  const dir = t.testdir();
  const { gatewaySocketPath } = await startRealPath(t, {
    credentials: writeKeys([{ accessKeyId: 'AKID', secretAccessKey: 'secret' }]),
    tls: makeCertificate(dir, 'page'),
    audit: join(dir, 'audit'),
    upstream: 'http://127.0.0.1:9',
    upstreamResign: false,
    huaweiUpstream: 'http://127.0.0.1:9',
  });
  const headers = { host: 'localhost' };
  return (await call({ socketPath: gatewaySocketPath, path: '/metrics', headers })).body;
}
