import {
  GenerateRandomCommand,
  type GenerateRandomCommandInput,
  KMSClient,
  type KMSClientConfig,
  ListKeysCommand,
} from '@aws-sdk/client-kms';
import t, { type Test } from 'tap';
import { EntropyError } from '../../src/errors.js';
import { startGateway } from '../../src/gateway/gateway.js';
import { failingSource, memoryLog } from '../gateway/support.js';
import { startRealPath } from './real-path.js';

/** A client with credentials that open nothing, ended with the test. */
function kmsClient(t: Test, config: KMSClientConfig): KMSClient {
  const client = new KMSClient({
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    maxAttempts: 3,
    ...config,
  });
  t.teardown(() => client.destroy());
  return client;
}

t.test('the SDK gets bytes over TCP and over the Unix socket, in one attempt', async (t) => {
  const { port, gatewaySocketPath } = await startRealPath(t);
  const requestHandler = { httpAgent: { socketPath: gatewaySocketPath } } as never;
  for (const [name, config] of [
    ['TCP', { endpoint: `http://127.0.0.1:${port}` }],
    ['Unix', { endpoint: 'http://localhost', requestHandler }],
    [
      "Unix, under the cloud's name",
      { endpoint: 'http://kms.us-east-2.amazonaws.com', requestHandler },
    ],
  ] as const) {
    const kms = kmsClient(t, config);
    for (const NumberOfBytes of [1, 32, 1024]) {
      const { Plaintext, $metadata } = await kms.send(new GenerateRandomCommand({ NumberOfBytes }));
      t.ok(Plaintext instanceof Uint8Array, name);
      t.equal(Plaintext?.length, NumberOfBytes, name);
      t.match($metadata, { httpStatusCode: 200, attempts: 1, requestId: /^[0-9a-f-]{36}$/ }, name);
    }
  }
});

t.test('the SDK reads types and texts of errors, and does not retry them', async (t) => {
  const { port } = await startRealPath(t);
  const kms = kmsClient(t, { endpoint: `http://127.0.0.1:${port}` });
  const table: readonly [unknown, string, string][] = [
    [{}, 'ValidationException', 'NumberOfBytes is required.'],
    [{ NumberOfBytes: null }, 'ValidationException', 'NumberOfBytes is required.'],
    [
      { NumberOfBytes: 0 },
      'ValidationException',
      "1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ],
    [
      { NumberOfBytes: 1025 },
      'ValidationException',
      "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024",
    ],
    [
      { NumberOfBytes: '32' },
      'SerializationException',
      'STRING_VALUE can not be converted to an Integer',
    ],
    [
      { NumberOfBytes: Number.NaN },
      'SerializationException',
      'STRING_VALUE can not be converted to an Integer',
    ],
    [
      { NumberOfBytes: true },
      'SerializationException',
      'TRUE_VALUE can not be converted to an Integer',
    ],
    [{ NumberOfBytes: [1] }, 'SerializationException', 'Start of list found where not expected'],
    [
      { NumberOfBytes: 32, CustomKeyStoreId: 'cks-1' },
      'CustomKeyStoreNotFoundException',
      'Custom key stores are not supported.',
    ],
    [
      { NumberOfBytes: 32, Recipient: { KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256' } },
      'UnsupportedOperationException',
      'Recipient is not supported.',
    ],
  ];
  for (const [input, name, message] of table)
    await t.rejects(
      kms.send(new GenerateRandomCommand(input as GenerateRandomCommandInput)),
      { name, message, $metadata: { httpStatusCode: 400, attempts: 1 } },
      JSON.stringify(input),
    );
  await t.rejects(kms.send(new ListKeysCommand({})), {
    name: 'UnknownOperationException',
    $metadata: { httpStatusCode: 400, attempts: 1 },
  });
});

t.test('the SDK reads the answer to headers that are too large', async (t) => {
  const { port } = await startRealPath(t);
  const kms = kmsClient(t, {
    endpoint: `http://127.0.0.1:${port}`,
    credentials: {
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: 'secret',
      sessionToken: 'x'.repeat(20_000),
    },
  });
  await t.rejects(kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 })), {
    name: 'SerializationException',
    message: 'Request Header Fields Too Large',
    $metadata: { httpStatusCode: 431, attempts: 1 },
  });
});

// The generator's failures cannot be brought about from outside: the gateway gets a source that fails.
t.test('the SDK makes three attempts where the generator or the daemon fails', async (t) => {
  for (const [code, name, httpStatusCode] of [
    ['ERR_HEALTH', 'KMSInternalException', 500],
    ['ERR_CONNECT', 'DependencyTimeoutException', 503],
    ['ERR_RATE', 'ThrottlingException', 400],
  ] as const) {
    const gateway = await startGateway({
      listen: ['127.0.0.1:0'],
      client: failingSource(new EntropyError(code, 'x')),
      dialect: 'otc',
      log: memoryLog(),
    });
    t.teardown(() => gateway.close());
    const kms = kmsClient(t, { endpoint: `http://${gateway.addresses[0]}` });
    await t.rejects(
      kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 })),
      { name, $metadata: { httpStatusCode, attempts: 3 } },
      code,
    );
  }
});
