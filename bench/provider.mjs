/** The OpenSSL provider compared with OpenSSL's own DRBG, by RAND_bytes of one program. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { interleave, runPinned } from './measure.mjs';
import { compile } from './native.mjs';
import { entropyd } from './peers.mjs';
import { withServers } from './servers.mjs';
import { figure, printTable } from './table.mjs';

const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

const sizes = [16, 32, 1024, 65_536, 1_048_576];

/** Length of one measurement. */
const milliseconds = 200;

export default async function benchProvider(bench) {
  if (!existsSync(file('build-host/entropyd.so')))
    throw new Error('build-host/entropyd.so is missing: npm run build:host');
  const program = compile(bench, 'rand', '-lcrypto');
  /** Microseconds per call; `random` configures OpenSSL. */
  const perCall = async (size, { path }, random) => {
    const variables = random
      ? [`OPENSSL_CONF=${file('native/client/openssl.cnf')}`]
      : ['OPENSSL_CONF=/dev/null'];
    const where = [`OPENSSL_MODULES=${file('build-host')}`, `ENTROPYD_SOCKET=${path}`];
    const { stdout } = await runPinned(
      bench,
      ...['env', ...variables, ...where, program, size, milliseconds],
    );
    return 1e6 / Number(stdout);
  };
  const rows = await withServers(bench, { entropyd }, async (servers) => {
    const all = [];
    for (const size of sizes) {
      const median = await interleave(bench.rounds, {
        own: () => perCall(size, servers.entropyd, false),
        provider: () => perCall(size, servers.entropyd, true),
      });
      const ratio = median(({ own, provider }) => provider / own);
      const [own, provider] = [median((r) => r.own), median((r) => r.provider)];
      all.push([`${size}`, own, provider, `${figure(ratio)} times as long`]);
    }
    return all;
  });
  printTable(
    'OpenSSL, RAND_bytes, µs a call; client and daemon on one core',
    ['bytes', "OpenSSL's DRBG", 'ENTROPYD', ''],
    rows,
  );
}
