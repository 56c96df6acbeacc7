import {
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  EncryptCommand,
  GenerateRandomCommand,
  KMSClient,
  ListKeysCommand,
} from '@aws-sdk/client-kms';
import t, { type Test } from 'tap';
import { awsKms, createAwsKms } from '../../../src/apis/aws-kms/api.js';
import { type AwsSigning, createAwsUpstream } from '../../../src/apis/aws-kms/upstream.js';
import { apis as allApis } from '../../../src/apis/list.js';
import type { UpstreamOptions } from '../../../src/apis/upstream/upstream.js';
import { connect } from '../../../src/client/client.js';
import { serve } from '../../support/gateway.js';
import { createKmsDouble, doubleByte, type Taken } from './kms-double.js';
import { startRealPath, writeKeys } from './real-path.js';

const clientKey = { accessKeyId: 'AKIDCLIENT', secretAccessKey: 'client secret' };
const gatewayKey = { accessKeyId: 'AKIDGATEWAY', secretAccessKey: 'gateway secret' };

/** Daemon and gateway in front of the double, with the SDK as the client. */
async function start(t: Test, options: Partial<UpstreamOptions & AwsSigning> = {}) {
  const taken: Taken[] = [];
  const secrets = [clientKey, gatewayKey].map(
    ({ accessKeyId, secretAccessKey }) => [accessKeyId, secretAccessKey] as const,
  );
  const doublePort = await serve(t, createKmsDouble(new Map(secrets), taken));
  // The upstream with what a test gives it, such as its own credentials.
  const upstream = createAwsUpstream({ url: `http://127.0.0.1:${doublePort}`, ...options });
  const entry = { ...awsKms, create: () => createAwsKms({ upstream }) };
  const apis = allApis.map((each) => (each === awsKms ? entry : each));
  const credentials = writeKeys([clientKey]);
  const { port, socketPath } = await startRealPath(t, { credentials }, apis);
  const kms = new KMSClient({
    region: 'eu-west-1',
    credentials: clientKey,
    endpoint: `http://127.0.0.1:${port}`,
  });
  t.teardown(() => kms.destroy());
  const daemon = connect({ socketPath });
  t.teardown(() => daemon.close());
  return { kms, taken, daemon };
}

for (const [way, options, accessKey] of [
  ['passed through, under its own signature', {}, 'AKIDCLIENT'],
  ['re-signed', { resign: true, credentials: async () => gatewayKey }, 'AKIDGATEWAY'],
] as const)
  t.test(`the SDK creates a key, encrypts and decrypts, ${way}`, async (t) => {
    const { kms, taken, daemon } = await start(t, options);
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    const KeyId = KeyMetadata?.KeyId;
    const { Keys } = await kms.send(new ListKeysCommand({}));
    t.strictSame(Keys, [{ KeyId }]);
    const Plaintext = Buffer.from('attack at dawn');
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext }));
    t.not(Buffer.from(CiphertextBlob ?? []).includes(Plaintext), true);
    const decrypted = await kms.send(new DecryptCommand({ CiphertextBlob }));
    t.equal(Buffer.from(decrypted.Plaintext ?? []).toString(), 'attack at dawn');
    t.match(decrypted.$metadata, {
      httpStatusCode: 200,
      attempts: 1,
      requestId: /^[0-9a-f-]{36}$/,
    });
    await t.rejects(kms.send(new EncryptCommand({ KeyId: 'none', Plaintext })), {
      name: 'NotFoundException',
      message: 'no such key',
      $metadata: { httpStatusCode: 400, attempts: 1 },
    });
    t.strictSame(
      taken.map(({ operation }) => operation),
      ['CreateKey', 'ListKeys', 'Encrypt', 'Decrypt', 'Encrypt'],
    );
    for (const request of taken) t.match(request, { accessKey, region: 'eu-west-1' });

    const before = (await daemon.status()).randomBytes;
    const random = await kms.send(new GenerateRandomCommand({ NumberOfBytes: 1024 }));
    t.equal(random.Plaintext?.length, 1024);
    t.ok(
      random.Plaintext?.some((byte) => byte !== doubleByte),
      "none of the upstream's bytes",
    );
    t.equal((await daemon.status()).randomBytes - before, 1024, "the daemon's count");
    t.equal(taken.length, 5, 'the upstream was not asked');

    const custom = await kms.send(
      new GenerateRandomCommand({ NumberOfBytes: 4, CustomKeyStoreId: 'cks-1' }),
    );
    t.strictSame(Buffer.from(custom.Plaintext ?? []), Buffer.alloc(4, doubleByte));
    t.equal((await daemon.status()).randomBytes - before, 1024, 'the daemon was not asked');
    t.equal(taken.at(-1)?.operation, 'GenerateRandom');
  });

t.test('a refusal by the service reaches the client', async (t) => {
  const credentials = async () => ({ ...gatewayKey, secretAccessKey: 'wrong' });
  const { kms } = await start(t, { resign: true, credentials });
  await t.rejects(kms.send(new ListKeysCommand({})), { name: 'InvalidSignatureException' });
});

t.test(
  'the SDK tries three times when the upstream fails, and reads whose failure it is',
  async (t) => {
    let asked = 0;
    const port = await serve(t, (request) => {
      asked++;
      request.socket.destroy();
    });
    const { kms } = await start(t, { url: `http://127.0.0.1:${port}` });
    await t.rejects(kms.send(new DescribeKeyCommand({ KeyId: 'k' })), {
      name: 'DependencyTimeoutException',
      message: /endpoint behind this gateway/,
      $metadata: { httpStatusCode: 503, attempts: 3 },
    });
    t.equal(asked, 3);
  },
);
