import { GenerateRandomCommand, KMSClient } from '@aws-sdk/client-kms';
import t, { type Test } from 'tap';
import { EntropyError } from '../src/common/errors.js';
import { startTestGateway, type TestGatewayOptions } from '../src/testing.js';

const token = { headers: { 'X-Vault-Token': 'any' }, method: 'POST' };

async function gateway(t: Test, options?: TestGatewayOptions) {
  const started = await startTestGateway(options);
  t.teardown(() => started.close());
  return started;
}

t.test(
  'an SDK meets each fault in the terms of its API, and retries by its own rules',
  async (t) => {
    const { url, client } = await gateway(t, { faults: ['ERR_RATE', 'ERR_NOT_SEEDED'] });
    const kms = new KMSClient({
      endpoint: url,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
    });
    t.teardown(() => kms.destroy());
    const ask = () => kms.send(new GenerateRandomCommand({ NumberOfBytes: 16 }));
    const { Plaintext, $metadata } = await ask();
    t.equal(Plaintext?.length, 16);
    t.equal($metadata.attempts, 3, 'throttled, then a timeout of a dependency, then the bytes');
    client.fail('ERR_HEALTH', 'ERR_HEALTH', 'ERR_HEALTH');
    await t.rejects(ask(), { name: 'KMSInternalException', $fault: 'server' });
    t.equal((await ask()).Plaintext?.length, 16);
  },
);

t.test('statuses by fault', async (t) => {
  const { url, client } = await gateway(t);
  const post = (path: string, init: RequestInit) => fetch(url + path, { method: 'POST', ...init });
  const body = '{"random_data_length":"512"}';
  for (const [fault, vault, huawei] of [
    ['ERR_BUSY', 429, 429],
    ['ERR_RATE', 429, 429],
    ['ERR_CONNECT', 503, 503],
    ['ERR_NOT_SEEDED', 503, 503],
    ['ERR_HEALTH', 500, 500],
    [{ delayMs: 1 }, 200, 200],
    [undefined, 200, 200],
  ] as const) {
    client.fail(fault, fault);
    const answers = [
      await post('/v1/sys/tools/random/8', token),
      await post('/v1.0/p/kms/gen-random', { headers: { 'X-Auth-Token': 'any' }, body }),
    ];
    t.strictSame(
      answers.map(({ status }) => status),
      [vault, huawei],
      String(fault),
    );
  }
});

t.test('it has the pages of a gateway, and the state that it was given', async (t) => {
  for (const [state, status] of [
    ['operational', 200],
    ['degraded', 200],
    ['seeding', 503],
    ['error', 503],
  ] as const) {
    const { url } = await gateway(t, { state });
    t.equal((await fetch(`${url}/healthz`)).status, status, state);
    t.match(await (await fetch(`${url}/status`)).json(), { state });
    t.equal((await fetch(`${url}/`)).status, 200);
  }
});

t.test('the bytes are those of the seed', async (t) => {
  const texts = async () => {
    const { url } = await gateway(t, { seed: 'one' });
    const response = await fetch(`${url}/v1/sys/tools/random/8`, token);
    return ((await response.json()) as { data: { random_bytes: string } }).data.random_bytes;
  };
  t.equal(await texts(), await texts());
});

t.test('after close its port is free; a fault in the options is told', async (t) => {
  const { url, close, client } = await startTestGateway();
  await close();
  await t.rejects(fetch(url));
  await t.rejects(client.random(1), { code: 'ERR_CLOSED' });
  await t.rejects(startTestGateway({ credentials: '/none' }), { code: 'ERR_CONFIG' });
  const misspelt = { faulty: [] } as unknown as TestGatewayOptions;
  await t.rejects(startTestGateway(misspelt), EntropyError);
});
