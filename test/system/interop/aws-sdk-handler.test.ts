import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  GenerateRandomCommand,
  type GenerateRandomCommandInput,
  KMSClient,
  type KMSClientConfig,
  ListKeysCommand,
} from '@aws-sdk/client-kms';
import t, { type Test } from 'tap';
import { createRequestHandler } from '../../../src/client/aws-sdk-handler.js';
import { connect } from '../../../src/client/client.js';
import { serve } from '../../support/gateway.js';
import { temporaryFolder } from '../../support/paths.js';
import { built, environment, Program } from '../../support/program.js';
import { createKmsDouble, doubleByte, type Taken } from './kms-double.js';
import { startRealPath } from './real-path.js';

const key = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };

/** A client whose own handler reaches nothing; destroyed when the test ends. */
function kmsClient(t: Test, config: KMSClientConfig): KMSClient {
  const kms = new KMSClient({ region: 'us-east-1', credentials: key, maxAttempts: 3, ...config });
  t.teardown(() => kms.destroy());
  return kms;
}

t.test('the SDK gets bytes from the socket in one attempt, with no network', async (t) => {
  const { socketPath } = await startRealPath(t);
  const kms = kmsClient(t, { requestHandler: createRequestHandler({ socketPath }) });
  for (const NumberOfBytes of [1, 32, 1024]) {
    const { Plaintext, $metadata } = await kms.send(new GenerateRandomCommand({ NumberOfBytes }));
    t.ok(Plaintext instanceof Uint8Array);
    t.equal(Plaintext?.length, NumberOfBytes);
    t.match($metadata, {
      httpStatusCode: 200,
      attempts: 1,
      totalRetryDelay: 0,
      requestId: /^[0-9a-f-]{36}$/,
    });
  }
});

t.test('the SDK reads types and texts of errors; the library throws the same', async (t) => {
  const { socketPath } = await startRealPath(t);
  const kms = kmsClient(t, { requestHandler: createRequestHandler({ socketPath }) });
  const client = connect({ socketPath });
  t.teardown(() => client.close());
  for (const input of [
    {},
    { NumberOfBytes: null },
    { NumberOfBytes: 0 },
    { NumberOfBytes: -1 },
    { NumberOfBytes: 1025 },
    { NumberOfBytes: '32' },
    { NumberOfBytes: Number.NaN },
    { NumberOfBytes: true },
    { NumberOfBytes: [1] },
    { NumberOfBytes: 32, CustomKeyStoreId: 'cks-1' },
    { NumberOfBytes: 32, Recipient: { KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256' } },
  ] as unknown[]) {
    const name = JSON.stringify(input);
    const caught = (error: Error) => error as Error & Record<string, object>;
    const theirs = await kms
      .send(new GenerateRandomCommand(input as GenerateRandomCommandInput))
      .then(() => t.fail(name), caught);
    const ours = await client.generateRandom(input as object).then(() => t.fail(name), caught);
    if (typeof theirs === 'boolean' || typeof ours === 'boolean') continue;
    t.match(theirs, { $fault: 'client', $metadata: { httpStatusCode: 400, attempts: 1 } }, name);
    const {
      requestId: _,
      extendedRequestId,
      cfId,
      ...metadata
    } = theirs.$metadata as Record<string, unknown>;
    t.match(ours, { name: theirs.name, message: theirs.message, $fault: theirs.$fault }, name);
    t.match(ours.$metadata, metadata, name);
    t.strictSame([extendedRequestId, cfId], [undefined, undefined]);
  }
});

t.test(
  "every other operation goes the client's own way, and so do bytes of a key store",
  async (t) => {
    const { socketPath } = await startRealPath(t);
    const taken: Taken[] = [];
    const secrets = new Map([[key.accessKeyId, key.secretAccessKey]]);
    const port = await serve(t, createKmsDouble(secrets, taken));
    const kms = kmsClient(t, { endpoint: `http://127.0.0.1:${port}` });
    kms.config.requestHandler = createRequestHandler({
      socketPath,
      handler: kms.config.requestHandler,
    });
    t.strictSame((await kms.send(new ListKeysCommand({}))).Keys, []);
    const ours = await kms.send(new GenerateRandomCommand({ NumberOfBytes: 64 }));
    t.ok(ours.Plaintext?.some((byte) => byte !== doubleByte));
    const custom = { NumberOfBytes: 64, CustomKeyStoreId: 'cks-1' };
    const theirs = await kms.send(new GenerateRandomCommand(custom));
    t.ok(theirs.Plaintext?.every((byte) => byte === doubleByte));
    t.strictSame(
      taken.map(({ operation, accessKey }) => [operation, accessKey]),
      [
        ['ListKeys', 'AKIDEXAMPLE'],
        ['GenerateRandom', 'AKIDEXAMPLE'],
      ],
      'with the signature that the SDK made',
    );
  },
);

t.test('without a handler to wrap, another operation says so at once', async (t) => {
  const kms = kmsClient(t, { requestHandler: createRequestHandler({ socketPath: '/nowhere' }) });
  await t.rejects(kms.send(new ListKeysCommand({})), {
    code: 'ERR_CONFIG',
    message: /^TrentService\.ListKeys: only GenerateRandom and GetRandomPassword are served here/,
    $metadata: { attempts: 1 },
  });
});

t.test(
  'the SDK tries three times while the daemon is away, and succeeds when it is back',
  async (t) => {
    const socketPath = join(temporaryFolder(), 'handler.sock');
    const kms = kmsClient(t, { requestHandler: createRequestHandler({ socketPath }) });
    await t.rejects(kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 })), {
      name: 'DependencyTimeoutException',
      $fault: 'server',
      $metadata: { httpStatusCode: 503, attempts: 3 },
    });
    const patient = kmsClient(t, {
      requestHandler: createRequestHandler({ socketPath }),
      maxAttempts: 30,
    });
    const pending = patient.send(new GenerateRandomCommand({ NumberOfBytes: 32 }));
    const daemon = new Program(t, [built('entropyd'), '--socket', socketPath]);
    const { Plaintext, $metadata } = await pending;
    t.equal(Plaintext?.length, 32);
    t.ok(Number($metadata.attempts) > 1, `${$metadata.attempts} attempts`);
    await daemon.kill('SIGTERM');
  },
);

t.test('the abort signal and the timeout of a call are honored', async (t) => {
  const { socketPath } = await startRealPath(t);
  const kms = kmsClient(t, { requestHandler: createRequestHandler({ socketPath }) });
  const command = new GenerateRandomCommand({ NumberOfBytes: 32 });
  await t.rejects(kms.send(command, { abortSignal: AbortSignal.abort() }), { name: 'AbortError' });
  await t.resolves(kms.send(command, { requestTimeout: 30_000 }));
});

t.test('a process with nothing but the handler ends by itself', async (t) => {
  const { socketPath } = await startRealPath(t);
  const script = `
    import { GenerateRandomCommand, KMSClient } from '@aws-sdk/client-kms';
    import { createRequestHandler } from 'entropyd/aws-sdk';
    const requestHandler = createRequestHandler({ socketPath: process.argv[1] });
    const kms = new KMSClient({ region: 'us-east-1', credentials: ${JSON.stringify(key)}, requestHandler });
    const { Plaintext } = await kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 }));
    console.log(Plaintext.length);
  `;
  const child: ChildProcess = spawn(
    process.execPath,
    ['--input-type=module', '-e', script, socketPath],
    { env: environment, stdio: ['ignore', 'pipe', 'inherit'], timeout: 30_000 },
  );
  let printed = '';
  child.stdout?.on('data', (data) => {
    printed += data;
  });
  const [code] = await once(child, 'close');
  t.strictSame([code, printed], [0, '32\n'], "by the package's own export");
});
