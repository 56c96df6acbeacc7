import {
  GenerateRandomCommand,
  type GenerateRandomCommandInput,
  KMSClient,
  type KMSClientConfig,
  ListKeysCommand,
} from '@aws-sdk/client-kms';
import t, { type Test } from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import { startGateway } from '../../../src/gateway/gateway.js';
import { failingSource, memoryLog } from '../../support/gateway.js';
import { goodKey, passingFailures, slowKey, verdicts, writeKnownKeys } from './known-keys.js';
import { startRealPath } from './real-path.js';

/** A client with worthless credentials, destroyed when the test ends. */
function kmsClient(t: Test, config: KMSClientConfig): KMSClient {
  const client = new KMSClient({
    region: 'us-east-1',
    credentials: goodKey,
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

t.test('the SDK reads the types and texts of errors, and does not retry', async (t) => {
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
      'UnknownError',
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
    message: /^Only GenerateRandom is served here\. For ListKeys, .* --upstream /,
    $metadata: { httpStatusCode: 400, attempts: 1 },
  });
  const prefixed = kmsClient(t, { endpoint: `http://127.0.0.1:${port}/kms` });
  await t.rejects(prefixed.send(new GenerateRandomCommand({ NumberOfBytes: 32 })), {
    name: 'UnknownOperationException',
    message: 'AWS KMS is served at the path / only. Use an endpoint URL without a path.',
  });
});

t.test('the SDK reads the answer to headers that are too large', async (t) => {
  const { port } = await startRealPath(t);
  const kms = kmsClient(t, {
    endpoint: `http://127.0.0.1:${port}`,
    credentials: { ...goodKey, sessionToken: 'x'.repeat(20_000) },
  });
  await t.rejects(kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 })), {
    name: 'SerializationException',
    message: 'Request Header Fields Too Large',
    $metadata: { httpStatusCode: 431, attempts: 1 },
  });
});

const credentials = writeKnownKeys();

t.test(
  'the signature of the SDK is verified, and it is told in its own terms why one is refused',
  async (t) => {
    const { port, gatewaySocketPath } = await startRealPath(t, { credentials });
    const requestHandler = { httpAgent: { socketPath: gatewaySocketPath } } as never;
    for (const [where, config] of [
      ['over TCP', { endpoint: `http://127.0.0.1:${port}` }],
      [
        "over the socket, under the cloud's name",
        { endpoint: 'http://kms.us-east-2.amazonaws.com', requestHandler },
      ],
    ] as const)
      for (const [title, key, refusal] of verdicts) {
        const kms = kmsClient(t, { ...config, credentials: key });
        const outcome = kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 }));
        const name = `${title} ${where}`;
        if (refusal !== undefined) {
          const wanted = { name: refusal[0], message: refusal[1] };
          await t.rejects(outcome, { ...wanted, $metadata: { attempts: 1 } }, name);
          continue;
        }
        const { Plaintext, $metadata } = await outcome;
        t.equal(Plaintext?.length, 32, name);
        t.equal($metadata.attempts, 1, name);
      }
  },
);

// The gateway keeps the true clock; only the SDK's is replaced.
t.test(
  'an SDK with a wrong clock learns the time from the Date header, and signs again',
  async (t) => {
    const { port } = await startRealPath(t, { credentials });
    const trueNow = Date.now;
    for (const offsetMs of [-1_200_000, 1_200_000]) {
      const kms = kmsClient(t, { endpoint: `http://127.0.0.1:${port}` });
      Date.now = () => trueNow() + offsetMs;
      try {
        const { Plaintext, $metadata } = await kms.send(
          new GenerateRandomCommand({ NumberOfBytes: 32 }),
        );
        t.equal(Plaintext?.length, 32);
        t.equal($metadata.attempts, 2, `${offsetMs} ms off`);
      } finally {
        Date.now = trueNow;
      }
    }
  },
);

t.test('the SDK makes three attempts when its key is over its rate', async (t) => {
  const { port } = await startRealPath(t, { credentials });
  const kms = kmsClient(t, {
    endpoint: `http://127.0.0.1:${port}`,
    credentials: slowKey,
  });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 }))),
  );
  const refused = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  t.ok(refused.length > 0 && refused.length < 8, `${refused.length} of 8 are refused`);
  for (const reason of refused)
    t.match(reason, { name: 'ThrottlingException', $metadata: { attempts: 3 } });
});

// Nothing outside can make the generator fail, so the gateway gets a source that fails.
t.test('the SDK makes three attempts when the generator or the daemon fails', async (t) => {
  for (const [code, name, httpStatusCode] of passingFailures) {
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
