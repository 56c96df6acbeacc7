/** moto as the gateway's upstream. */
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
import { pypiClient, testWith } from './installed.js';
import { startRealPath, writeKeys } from './real-path.js';

/** upstream.test.ts shows the same with a double, if there is no moto. */
const moto = pypiClient('moto.server', 'moto[kms,server]==5.2.5');

/** Longest that moto may take to listen: it loads every service. */
const startMs = 60_000;

/** Starts moto's server until the test ends. It logs a line for each request. */
async function startMoto(t: Test, python: string): Promise<{ url: string; log: () => string }> {
  const port = await freePort();
  const server: ChildProcess = spawn(
    python,
    ['-m', 'moto.server', '-H', '127.0.0.1', '-p', `${port}`],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  t.teardown(async () => {
    if (server.exitCode === null && server.kill()) await once(server, 'exit');
  });
  let log = '';
  server.stderr?.on('data', (data) => {
    log += data;
  });
  const url = `http://127.0.0.1:${port}`;
  const listens = () => {
    if (server.exitCode !== null) throw new Error(`moto ended: ${log}`);
    return fetch(`${url}/moto-api/data.json`).then(
      ({ ok }) => ok,
      () => false,
    );
  };
  await until(listens, 'an answer of moto', { limitMs: startMs, pollMs: 100 });
  return { url, log: () => log };
}

testWith(
  moto,
  "moto's server as the upstream: keys are its own, random bytes the daemon's",
  async (t, python) => {
    const key = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
    const { url, log } = await startMoto(t, python);
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

    const requests = () => log().split('"POST / HTTP').length - 1;
    const [asked, before] = [requests(), (await daemon.status()).randomBytes];
    t.ok(asked >= 4, `moto logged ${asked} requests`);
    const { Plaintext: bytes } = await kms.send(new GenerateRandomCommand({ NumberOfBytes: 1024 }));
    t.equal(bytes?.length, 1024);
    t.equal((await daemon.status()).randomBytes - before, 1024);
    await kms.send(new ListKeysCommand({}));
    await until(() => requests() > asked, "the next request's line");
    t.equal(requests(), asked + 1, 'moto was not asked for random bytes');
  },
);
