/**
 * The OpenSSL provider by EVP_RAND(3), in Debian's libcrypto: sizes, strength, states, prediction resistance, as
 * a parent, threads, forks. sanitizers.sh runs this with an instrumented program.
 */
import { existsSync } from 'node:fs';
import type { Test } from 'tap';
import { compiled } from '../../native/client/program.js';
import { Conversation } from '../../support/conversation.js';
import { testWith } from '../interop/installed.js';
import { Host } from './host.js';

const instrumented = process.env.ENTROPYD_TEST_PROVIDER;
const libcrypto = {
  name: "OpenSSL's headers (Debian package libssl-dev)",
  command: existsSync('/usr/include/openssl/provider.h') ? 'cc' : undefined,
};

let program = instrumented;

async function startBoth(t: Test): Promise<{ host: Host; client: Conversation }> {
  program ??= compiled('provider_program', ['provider_program.c'], ['-lcrypto']);
  const host = await Host.start(t);
  const { ASAN_OPTIONS = '', TSAN_OPTIONS = '' } = process.env;
  // The program says itself which RAND it wants.
  const variables = { OPENSSL_CONF: '/dev/null', ASAN_OPTIONS, TSAN_OPTIONS };
  return { host, client: new Conversation(host.start([program], variables)) };
}

async function ends(t: Test, client: Conversation): Promise<void> {
  t.match(await client.end(), { status: 0 }, 'it ends without a report of a sanitizer');
}

testWith(libcrypto, 'any number of bytes is filled, up to 256 bits of strength', async (t) => {
  const { host, client } = await startBoth(t);
  t.equal(await client.say('hold'), 'ok');
  for (const [size, strength, resist] of [
    [32, 256, 0],
    [100, 0, 1],
    [65_537, 128, 1],
    [3_000_000, 256, 0],
  ] as const) {
    const before = await host.served();
    const said = await client.say(`generate ${size} ${strength} ${resist}`);
    t.equal(said, 'ok, filled, guarded', `${size} bytes`);
    t.ok((await host.served()) - before >= size, 'from the daemon');
  }
  t.equal(await client.say('generate 0 0 0'), 'ok, zeros, guarded');
  const strong = await client.say('generate 32 257 0');
  t.equal(strong, 'strength above 256 bits, zeros, guarded');
  await ends(t, client);
});

testWith(libcrypto, 'states and parameters are as EVP_RAND(3) has them', async (t) => {
  const { client } = await startBoth(t);
  // Not ready, no bytes; instantiated, ready, reseeded; 256 bits, PTRDIFF_MAX, not into 32 bits; ended.
  t.equal(await client.say('states'), '0 0 1 1 1 256 1 0 1 0 1');
  t.match(await client.say('information'), /^1 entropyd \d\S+ 1$/);
  t.equal(await client.say('bytes'), '1, ok, ok');
  await ends(t, client);
});

testWith(libcrypto, 'it seeds a DRBG of OpenSSL', async (t) => {
  const { client } = await startBoth(t);
  t.equal(await client.say('chain 0'), 'ok');
  t.equal(await client.say('chain 1'), 'ok', 'with prediction resistance');
  await ends(t, client);
});

testWith(libcrypto, 'threads and children draw at the same time', async (t) => {
  const { client } = await startBoth(t);
  t.equal(await client.say('threads 16'), '3200 drawn, 0 equal, 0 failed');
  t.equal(await client.say('fork 20'), '20 children, 0 equal, 0 failed');
  t.equal(await client.say('threads 4'), '800 drawn, 0 equal, 0 failed');
  await ends(t, client);
});

testWith(libcrypto, 'without the daemon all fails and is wiped; with it all is well', async (t) => {
  const { host, client } = await startBoth(t);
  t.equal(await client.say('hold'), 'ok');
  t.equal(await client.say('bytes'), '1, ok, ok');
  await host.stopDaemon();
  const down = 'entropyd is not running';
  for (const size of [32, 3_000_000])
    t.equal(await client.say(`generate ${size} 0 0`), `${down}, zeros, guarded`);
  t.equal(await client.say('bytes'), `1, ${down}, ${down}`, 'RAND_status is of the start');
  t.equal(await client.say('chain 0'), down);
  t.match(await client.say('fork 1'), /, 3 failed$/, 'child and parent');
  t.match(await client.say('information'), / 0$/, 'the status of the provider');
  const late = new Conversation(host.start([program ?? ''], { OPENSSL_CONF: '/dev/null' }));
  t.equal(await late.say('bytes'), `0, ${down}, ${down}`);
  await host.startDaemon();
  t.equal(await late.say('bytes'), '1, ok, ok');
  t.equal(await client.say('generate 32 0 0'), 'ok, filled, guarded');
  t.equal(await client.say('chain 0'), 'ok');
  await ends(t, client);
  await ends(t, late);
});
