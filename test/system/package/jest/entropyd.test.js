// A test suite as an application has it: CommonJS, with Jest.
const { connect, EntropyError } = require('entropyd');
const { createTestClient, startTestGateway } = require('entropyd/testing');

test('a client without a daemon, with failures on demand', async () => {
  const client = createTestClient({ seed: 'jest', faults: ['ERR_BUSY'] });
  await expect(client.random(16)).rejects.toThrow(EntropyError);
  const again = createTestClient({ seed: 'jest' });
  expect(await client.random(16)).toEqual(await again.random(16));
  await client.close();
});

test('a gateway on a free port', async () => {
  const gateway = await startTestGateway({ faults: ['ERR_RATE'] });
  const ask = () =>
    fetch(`${gateway.url}/v1/sys/tools/random/8`, {
      method: 'POST',
      headers: { 'X-Vault-Token': 'any' },
    });
  expect((await ask()).status).toBe(429);
  expect((await ask()).status).toBe(200);
  await gateway.close();
});

test('the real client, against the daemon', async () => {
  const client = connect();
  expect(await client.random(32)).toHaveLength(32);
  expect((await client.health()).state).toBe('operational');
  await client.close();
});
