/**
 * Microsoft's clients of Managed HSM against the gateway, over TLS and under names that their own check of
 * the challenge's resource accepts; and the examples of docs/clients.md. The programs are in azure/; each
 * prints one line for each count.
 */
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import type { GatewayOptions } from '../../../src/gateway/gateway.js';
import { makeCertificate } from '../../support/certificates.js';
import { writePrivate } from '../../support/credentials.js';
import { failingSource, serve } from '../../support/gateway.js';
import { temporaryFolder } from '../../support/paths.js';
import { exampleOf, examplesOf, here } from './examples.js';
import { type Client, pypiClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

/** Fetching and compiling takes a minute where nothing is cached. */
const prepareMs = 300_000;

const folder = temporaryFolder();
cpSync(fileURLToPath(new URL('azure', import.meta.url)), folder, { recursive: true });

/** A client's library, fetched by its own package manager with the versions in azure/. */
function fetched(name: string, command: string, fetcher: string, ...args: string[]): Client {
  const { status } = spawnSync(fetcher, args, { cwd: folder, timeout: prepareMs });
  return { name, command: status === 0 ? command : undefined, optional: true };
}

const npmArgs = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
const node = fetched('@azure/keyvault-keys 4.10.2', process.execPath, 'npm', ...npmArgs);
const python = pypiClient('azure.keyvault.keys', 'azure-keyvault-keys==4.11.3');
const go = fetched('go 1.25, and the modules of azure/go.mod', 'go', 'go', 'mod', 'download');
const jars = join(folder, 'jars');
const java = fetched(
  'a JDK 17, Maven, and azure-security-keyvault-keys 4.12.1',
  'java',
  ...['mvn', '-q', '-B', 'dependency:copy-dependencies'],
  ...['-DincludeScope=runtime', `-DoutputDirectory=${jars}`],
);

const names = ['hsm.entropyd.internal', 'hsm.example.com'];
const certificate = makeCertificate(folder, 'hsm', 2, undefined, names);
const tls = { tls: certificate };

/** Of a store that Java reads; it has nothing but a certificate. */
const storePassword = 'changeit';
const store = join(folder, 'trust.p12');

/** A proxy behind which every name and port is the gateway. */
const toGateway = (t: Test, gatewayPort: number) =>
  serve(
    t,
    createServer().on('connect', (_request, socket, head) => {
      const gateway = connect(gatewayPort, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        gateway.write(head);
        gateway.pipe(socket).pipe(gateway);
      });
      for (const end of [gateway, socket]) end.on('error', () => end.destroy());
    }),
  );

/** How a client is started, and how it finds proxy and trust. */
interface Started {
  readonly command: readonly string[];
  readonly variables: Readonly<Record<string, string>>;
}

type Start = (command: string, proxyPort: number | undefined) => Promise<Started>;

const proxyVariables = (port: number | undefined) =>
  port === undefined ? {} : { HTTPS_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: '' };

const starts: Record<'JavaScript' | 'Python' | 'Go' | 'Java', Start> = {
  JavaScript: async (command, port) => ({
    command: [command, join(folder, 'client.mjs')],
    variables: { ...proxyVariables(port), NODE_EXTRA_CA_CERTS: certificate.certificate },
  }),
  Python: async (command, port) => ({
    command: [command, join(folder, 'client.py')],
    variables: { ...proxyVariables(port), REQUESTS_CA_BUNDLE: certificate.certificate },
  }),
  Go: async (_command, port) => ({
    command: [join(folder, 'client')],
    variables: { ...proxyVariables(port), SSL_CERT_FILE: certificate.certificate },
  }),
  Java: async (command, port) => ({
    command: [
      command,
      ...[`-Djavax.net.ssl.trustStore=${store}`],
      ...[`-Djavax.net.ssl.trustStorePassword=${storePassword}`],
      ...(port === undefined
        ? []
        : [
            ...['-Djava.net.useSystemProxies=true', '-Dhttps.proxyHost=127.0.0.1'],
            `-Dhttps.proxyPort=${port}`,
          ]),
      ...['-cp', `${join(jars, '*')}:${folder}`, 'Client'],
    ],
    variables: {},
  }),
};

/** What is done once before a client's first start. */
const commandsBefore: Partial<Record<keyof typeof starts, readonly (readonly string[])[]>> = {
  // The versions and their hashes are those of go.sum.
  Go: [['go', 'build', '-mod=readonly', '-o', 'client', '.']],
  Java: [
    ['javac', '-cp', join(jars, '*'), 'Client.java'],
    [
      ...['keytool', '-importcert', '-noprompt', '-alias', 'hsm', '-storetype', 'PKCS12'],
      ...['-keystore', store, '-storepass', storePassword, '-file', certificate.certificate],
    ],
  ],
};

const credentials = [
  '[[token]]\nname = "app"\ntoken = "token-app"\n',
  '[[token]]\nname = "denied"\ntoken = "token-denied"\nallow = ["vault-random"]\n',
  '[[token]]\nname = "slow"\ntoken = "token-slow"\nrequests_per_second = 1\n',
].join('');

const verified = {
  ...tls,
  credentials: writePrivate(folder, 'credentials.toml', credentials),
};

interface Asked {
  readonly counts: readonly number[];
  readonly token?: string;
  /** Default: the first name, without a port; undefined: the gateway's address. */
  readonly host?: string | undefined;
  /** What azure/client.mjs says; default: verify. */
  readonly mode?: 'verify' | 'trust' | 'retry';
}

/** Runs a client against a gateway of its own. @returns its lines */
async function ask(
  t: Test,
  start: Start,
  command: string,
  asked: Asked,
  options: Partial<GatewayOptions> = tls,
): Promise<string[]> {
  const { port } = await startRealPath(t, options);
  const { counts, token = 'token-app', mode = 'verify' } = asked;
  const host = 'host' in asked ? asked.host : names[0];
  const proxyPort = host === undefined ? undefined : await toGateway(t, port);
  const scheme = options.tls === undefined ? 'http' : 'https';
  const url = `${scheme}://${host ?? `127.0.0.1:${port}`}/`;
  const started = await start(command, proxyPort);
  const [program = '', ...args] = started.command;
  const { status, stdout, stderr } = await run(
    program,
    [...args, url, token, mode, ...counts.map(String)],
    started.variables,
  );
  t.equal(status, 0, stderr);
  return stdout.trimEnd().split('\n');
}

/** What an example prints. */
const printed = /^ok [\da-f]{64}\n$/;
const bytes32 = /^ok [\da-f]{64}$/;

const bytesOf = (line: string | undefined) => /^ok (?<hex>[\da-f]+)$/.exec(line ?? '')?.groups?.hex;

for (const [client, name] of [
  [node, 'JavaScript'],
  [python, 'Python'],
  [go, 'Go'],
  [java, 'Java'],
] as const)
  testWith(client, `${name}: gets bytes, and is told why not`, async (t, command) => {
    const start = starts[name];
    for (const [program = '', ...args] of commandsBefore[name] ?? [])
      await promisify(execFile)(program, args, { cwd: folder, timeout: prepareMs });

    const counts = [32, 32, 1, 2, 128, 0, 129];
    const lines = await ask(t, start, command, { counts, token: 'any' });
    const bytes = lines.slice(0, 5).map(bytesOf);
    t.strictSame(
      bytes.map((hex = '') => hex.length / 2),
      counts.slice(0, 5),
      lines.join('\n'),
    );
    t.not(bytes[0], bytes[1], 'different each time');
    // Python's client does not even ask for none.
    if (name === 'Python') t.match(lines[5], /^error None None At least one random byte/);
    else t.match(lines[5], /^error 400 BadParameter .*count must be between 1 and 128\./);
    t.match(lines[6], /^error 400 BadParameter .*count must be between 1 and 128\./);

    const [known] = await ask(t, start, command, { counts: [32] }, verified);
    t.match(known, bytes32);
    const port = { counts: [32], host: `${names[1]}:8443` };
    const [withPort] = await ask(t, start, command, port, verified);
    t.match(withPort, bytes32);

    for (const [token, refusal] of [
      ['token-other', /^error 401 Unauthorized .*The token is unknown or has expired\./],
      ['token-denied', /^error 403 Forbidden .*not allowed to get random bytes\./],
    ] as const)
      t.match((await ask(t, start, command, { counts: [32], token }, verified))[0], refusal);
    // One more would do, were it sent within a second.
    const slow = { counts: Array<number>(6).fill(32), token: 'token-slow' };
    const throttled = await ask(t, start, command, slow, verified);
    t.match(throttled[0], /^ok /);
    t.match(throttled.join('\n'), /^error 429 Throttled .*Too many requests\./m);

    const away = failingSource(new EntropyError('ERR_CONNECT', 'x'));
    const [unavailable] = await ask(t, start, command, { counts: [32] }, { ...tls, client: away });
    t.match(unavailable, /^error 503 ServiceUnavailable /);

    const address = { counts: [32], host: undefined };
    t.match(
      (await ask(t, start, command, address))[0],
      /^error \S+ \S+ .*does(n't| not) match the requested domain/i,
      'no address is below a domain',
    );
    const [trusted] = await ask(t, start, command, { ...address, mode: 'trust' });
    t.match(trusted, bytes32);
  });

testWith(node, 'JavaScript: plain HTTP, which no other client speaks', async (t, command) => {
  const plain = { counts: [32], host: undefined, mode: 'trust' } as const;
  const [line] = await ask(t, starts.JavaScript, command, plain, {});
  t.match(line, bytes32);
});

testWith(node, 'JavaScript: once throttled, asks again when it is told to', async (t, command) => {
  const slow = { counts: [32, 32], token: 'token-slow', mode: 'retry' } as const;
  const lines = await ask(t, starts.JavaScript, command, slow, verified);
  for (const line of lines) t.match(line, bytes32);
  t.equal(lines.length, 2);
});

const examples = examplesOf('clients.md');
const exampleIn = (language: string) =>
  exampleOf(examples, { heading: 'Azure Managed HSM', language });

testWith(node, 'JavaScript: the example prints 32 bytes', async (t, command) => {
  const code = here(exampleIn('js'), await startRealPath(t));
  const example = join(folder, 'example.mjs');
  writeFileSync(example, `${code}console.log('ok', Buffer.from(bytes).toString('hex'));\n`);
  t.match(await run(command, [example]), { status: 0, stdout: printed });
});

testWith(python, 'Python: the example prints 32 bytes', async (t, command) => {
  const code = here(exampleIn('python'), await startRealPath(t, tls));
  const outcome = await run(command, ['-c', `${code}print("ok", random_bytes.hex())\n`], {
    REQUESTS_CA_BUNDLE: certificate.certificate,
  });
  t.match(outcome, { status: 0, stdout: printed });
});
