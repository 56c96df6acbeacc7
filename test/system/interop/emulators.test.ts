/** Emulators of AWS as the gateway's upstream: moto and LocalStack. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  CreateKeyCommand,
  DecryptCommand,
  EncryptCommand,
  GenerateRandomCommand,
  KMSClient,
  ListKeysCommand,
} from '@aws-sdk/client-kms';
import type { Test } from 'tap';
import { connect } from '../../../src/client/client.js';
import { freePort } from '../../support/paths.js';
import { until } from '../../support/until.js';
import { type Client, pypiClient, testWith } from './installed.js';
import { startRealPath, writeKeys } from './real-path.js';

/** An emulator of AWS. It logs a line for each request. */
interface Emulator {
  readonly name: string;
  readonly client: Client;
  /** Arguments of Python. */
  readonly command: (port: number) => readonly string[];
  readonly variables: (port: number, folder: string) => Readonly<Record<string, string>>;
  /** A path that answers 200 when it is ready. */
  readonly ready: string;
  /** Of a request for KMS, in its log. */
  readonly line: string;
}

const { name, command } = pypiClient('moto.server', 'moto[kms,server]==5.2.5');

const emulators: readonly Emulator[] = [
  {
    name: "moto's server",
    // CI can always get it.
    client: { name, command },
    command: (port) => ['-m', 'moto.server', '-H', '127.0.0.1', '-p', `${port}`],
    variables: () => ({}),
    ready: '/moto-api/data.json',
    line: 'POST / HTTP',
  },
  {
    name: 'LocalStack',
    // Later ones need Python 3.13. It names the least versions of what it needs, and later ones break it.
    client: pypiClient('localstack', 'localstack-core[base-runtime]==4.5.0', '2025-06-15'),
    command: () => ['-m', 'localstack.runtime.main'],
    variables: (port, folder) => ({
      GATEWAY_LISTEN: `127.0.0.1:${port}`,
      SERVICES: 'kms',
      STRICT_SERVICE_LOADING: '1',
      // It asks nobody outside.
      DISABLE_EVENTS: '1',
      SKIP_SSL_CERT_DOWNLOAD: '1',
      DNS_ADDRESS: '0',
      HOME: folder,
      TMPDIR: folder,
    }),
    ready: '/_localstack/health',
    line: 'AWS kms.',
  },
];

/** Longest that an emulator may take to listen: it loads every service. */
const startMs = 60_000;

/** Starts an emulator until the test ends. */
async function start(
  t: Test,
  { name, command, variables, ready }: Emulator,
  python: string,
): Promise<{ url: string; log: () => string }> {
  const port = await freePort();
  const server: ChildProcess = spawn(python, command(port), {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...variables(port, t.testdir()) },
  });
  t.teardown(async () => {
    if (server.exitCode === null && server.kill()) await once(server, 'exit');
  });
  let log = '';
  for (const stream of [server.stdout, server.stderr])
    stream?.on('data', (data) => {
      log += data;
    });
  const url = `http://127.0.0.1:${port}`;
  const listens = () => {
    if (server.exitCode !== null) throw new Error(`${name} ended: ${log}`);
    return fetch(url + ready).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  await until(listens, `an answer of ${name}`, { limitMs: startMs, pollMs: 100 });
  return { url, log: () => log };
}

for (const emulator of emulators)
  testWith(
    emulator.client,
    `${emulator.name} as the upstream: keys are its own, random bytes the daemon's`,
    async (t, python) => {
      const key = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
      const { url, log } = await start(t, emulator, python);
      const { port, socketPath } = await startRealPath(t, {
        upstream: url,
        credentials: writeKeys([key]),
      });
      const kms = new KMSClient({
        region: 'eu-west-1',
        credentials: key,
        endpoint: `http://127.0.0.1:${port}`,
      });
      t.teardown(() => kms.destroy());
      const daemon = connect({ socketPath });
      t.teardown(() => daemon.close());

      const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
      const KeyId = KeyMetadata?.KeyId;
      t.match(KeyMetadata?.Arn, /^arn:aws:kms:eu-west-1:/, "the signature's region got there");
      const Plaintext = Buffer.from('attack at dawn');
      const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext }));
      const decrypted = await kms.send(new DecryptCommand({ CiphertextBlob }));
      t.equal(Buffer.from(decrypted.Plaintext ?? []).toString(), 'attack at dawn');
      await t.rejects(kms.send(new EncryptCommand({ KeyId: 'none', Plaintext })), {
        name: 'NotFoundException',
      });

      const requests = () => log().split(emulator.line).length - 1;
      // Its log comes when it likes.
      const asked = 4;
      await until(() => requests() === asked, `${asked} requests in its log`);
      const before = (await daemon.status()).randomBytes;
      const { Plaintext: bytes } = await kms.send(
        new GenerateRandomCommand({ NumberOfBytes: 1024 }),
      );
      t.equal(bytes?.length, 1024);
      t.equal((await daemon.status()).randomBytes - before, 1024);
      await kms.send(new ListKeysCommand({}));
      await until(() => requests() > asked, "the next request's line");
      t.equal(requests(), asked + 1, 'it was not asked for random bytes');
    },
  );
