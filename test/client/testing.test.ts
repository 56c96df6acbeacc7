import { Writable } from 'node:stream';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { createTestClient, type Fault, type TestClientOptions } from '../../src/client/testing.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

t.test('the bytes are a function of the seed, however they are requested', async (t) => {
  const bytes = async (seed: string, sizes: readonly number[]) => {
    const client = createTestClient({ seed });
    const parts: string[] = [];
    for (const size of sizes) parts.push(hex(await client.random(size)));
    return parts.join('');
  };
  // openssl enc -aes-256-ctr -K $(printf a | sha256sum | cut -c 1-64) -iv 0 of 32 zeros
  const wanted = '3ea02d42ae653a06bafc3a023e2e16bb';
  t.equal(await bytes('a', [16]), wanted);
  t.equal(await bytes('a', [1, 7, 100]), await bytes('a', [108]));
  t.not(await bytes('b', [16]), await bytes('a', [16]));
  const [one, other] = [createTestClient(), createTestClient({ seed: '' })];
  t.equal(await one.randomUUID(), await other.randomUUID());
  t.equal(await one.randomInt(1000), await other.randomInt(1000));
  t.strictSame(
    (await one.generateRandom({ NumberOfBytes: 5 })).Plaintext,
    (await other.generateRandom({ NumberOfBytes: 5 })).Plaintext,
  );
});

t.test('each fault is for one call; then calls succeed, until there are more', async (t) => {
  const client = createTestClient({ faults: ['ERR_BUSY', undefined, 'ERR_HEALTH'] });
  const outcome = () =>
    client.random(1).then(
      ({ length }) => length,
      ({ code }) => code,
    );
  t.strictSame(
    [await outcome(), await outcome(), await outcome(), await outcome()],
    ['ERR_BUSY', 1, 'ERR_HEALTH', 1],
  );
  client.fail('ERR_RATE', undefined, 'ERR_CLOSED');
  t.strictSame(
    [await outcome(), await outcome(), await outcome(), await outcome()],
    ['ERR_RATE', 1, 'ERR_CLOSED', 1],
  );
  await t.rejects(
    createTestClient({ faults: ['ERR_RATE'] }).generateRandom({ NumberOfBytes: 1 }),
    { name: 'ThrottlingException', $retryable: { throttling: true } },
    'in the terms of an API',
  );
  function* always(): Generator<Fault> {
    for (;;) yield 'ERR_NOT_SEEDED';
  }
  const failing = createTestClient({ faults: always() });
  for (let i = 0; i < 5; i++) await t.rejects(failing.random(1), { code: 'ERR_NOT_SEEDED' });
});

t.test('a slow answer arrives, or is too late for its call', async (t) => {
  const client = createTestClient({ faults: [{ delayMs: 1 }, { delayMs: 3_600_000 }] });
  t.equal((await client.random(1)).length, 1);
  await t.rejects(client.random(1, { timeoutMs: 1 }), { code: 'ERR_TIMEOUT' });
});

t.test('it reports the state that it was given', async (t) => {
  t.match(await createTestClient().health(), { state: 'operational', healthy: true, sources: [] });
  const client = createTestClient({ state: 'degraded' });
  t.match(await client.health(), { state: 'degraded', healthy: false });
  t.equal((await client.random(3)).length, 3);
  t.match(await client.status(), { state: 'degraded', randomBytes: 3, pid: process.pid });
  t.match(await client.version(), { name: 'entropyd', protocol: 1 });
  t.equal(await client.metrics(), '');
  t.match(await client.history(), { stored: false, records: [] });
  for (const call of [
    () => client.selftest(),
    () => client.reseed(),
    () => client.noise('rdseed', 1),
  ])
    await t.rejects<unknown>(call, { code: 'ERR_FORBIDDEN' });
});

t.test('close ends calls and refuses later ones; a stream ends without an error', async (t) => {
  const client = createTestClient({ faults: [{ delayMs: 3_600_000 }] });
  const waiting = client.random(1);
  const rejected = t.rejects(waiting, { code: 'ERR_CLOSED' });
  await client.close();
  await rejected;
  await t.rejects(client.random(1), { code: 'ERR_CLOSED' });

  const streaming = createTestClient();
  const stream = streaming.stream();
  let received = 0;
  const enough = new Promise<void>((resolve) => {
    const sink = new Writable({
      write(chunk, _, done) {
        received += chunk.length;
        if (received > 200_000) resolve();
        setTimeout(1).then(() => done(), done);
      },
    });
    stream.pipe(sink);
  });
  const closed = new Promise((resolve) => stream.on('close', resolve));
  stream.on('error', (error) => t.fail(error.message));
  await enough;
  await streaming.close();
  await closed;
  t.ok(stream.destroyed);
});

t.test('an unknown option is refused', async (t) => {
  const options = { fault: [] } as TestClientOptions;
  t.throws(() => createTestClient(options), {
    code: 'ERR_PARAMS',
    message: /^createTestClient: unknown option fault; there are dialect, faults, /,
  });
  t.throws(() => createTestClient({ timeoutMs: -1 }), { code: 'ERR_PARAMS' });
});
