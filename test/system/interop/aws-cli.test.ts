import t from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import { startGateway } from '../../../src/gateway/gateway.js';
import { makeCertificate } from '../../support/certificates.js';
import { failingSource, memoryLog } from '../../support/gateway.js';
import { commandClient, testWith } from './installed.js';
import {
  type ClientKey,
  goodKey,
  passingFailures,
  verdicts,
  writeKnownKeys,
} from './known-keys.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const cli = commandClient('aws', 'aws (Debian package awscli)');

const dir = t.testdir();
const credentials = writeKnownKeys();

/** Runs `aws kms generate-random` against an endpoint. */
function generateRandom(
  aws: string,
  endpoint: string,
  args: readonly string[],
  { accessKeyId, secretAccessKey, sessionToken }: ClientKey = goodKey,
) {
  return run(
    aws,
    [
      ...['kms', 'generate-random', '--endpoint-url', endpoint],
      ...['--query', 'Plaintext', '--output', 'text', ...args],
    ],
    {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken && { AWS_SESSION_TOKEN: sessionToken }),
    },
  );
}

const size32 = ['--number-of-bytes', '32'];

testWith(cli, 'the aws command gets bytes, and the error texts of the service', async (t, aws) => {
  const { port } = await startRealPath(t);
  const generate = (...args: string[]) => generateRandom(aws, `http://127.0.0.1:${port}`, args);
  for (const [size, characters] of [
    [1, 4],
    [32, 44],
    [1024, 1368],
  ] as const) {
    const { status, stdout, stderr } = await generate('--number-of-bytes', `${size}`);
    t.equal(status, 0, `${size} bytes ${stderr}`);
    t.match(stdout, /^[A-Za-z0-9+/]+=*\n$/);
    t.equal(stdout.trimEnd().length, characters);
    t.equal(Buffer.from(stdout, 'base64').length, size);
  }
  for (const [args, text] of [
    [[], 'NumberOfBytes is required.'],
    [
      ['--number-of-bytes', '1025'],
      "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024",
    ],
  ] as const) {
    const { status, stdout, stderr } = await generate(...args);
    t.not(status, 0, text);
    t.equal(stdout, '');
    t.match(stderr, `(ValidationException) when calling the GenerateRandom operation: ${text}`);
  }
});

testWith(
  cli,
  'the signature of the aws command is verified, and it shows why one is refused',
  async (t, aws) => {
    const { port } = await startRealPath(t, { credentials });
    for (const [title, key, refusal] of verdicts) {
      const { status, stdout, stderr } = await generateRandom(
        aws,
        `http://127.0.0.1:${port}`,
        size32,
        key,
      );
      if (refusal === undefined) {
        t.equal(status, 0, `${title} ${stderr}`);
        t.match(stdout, /^[A-Za-z0-9+/]{43}=\n$/, title);
      } else {
        t.not(status, 0, title);
        t.equal(stdout, '', title);
        const [name, text] = refusal;
        t.match(stderr, `(${name}) when calling the GenerateRandom operation: ${text}`, title);
      }
    }
  },
);

// Nothing outside can make the generator fail, so the gateway gets a source that fails.
testWith(
  cli,
  'the aws command tries three times when the generator or the daemon fails',
  async (t, aws) => {
    for (const [code, name] of passingFailures) {
      let calls = 0;
      const failing = failingSource(new EntropyError(code, 'x'));
      const random = (size: number) => {
        calls++;
        return failing.random(size);
      };
      const gateway = await startGateway({
        listen: ['127.0.0.1:0'],
        client: { ...failing, random },
        dialect: 'otc',
        log: memoryLog(),
      });
      t.teardown(() => gateway.close());
      const { status, stderr } = await generateRandom(
        aws,
        `http://${gateway.addresses[0]}`,
        size32,
      );
      t.not(status, 0, code);
      t.match(
        stderr,
        `(${name}) when calling the GenerateRandom operation (reached max retries: 2)`,
      );
      t.equal(calls, 3, code);
    }
  },
);

testWith(
  cli,
  'the aws command over TLS trusts the certificate that it is given',
  async (t, aws) => {
    const { certificate, key } = makeCertificate(dir, 'gateway');
    const { port } = await startRealPath(t, { credentials, tls: { certificate, key } });
    const endpoint = `https://127.0.0.1:${port}`;
    const trusting = await generateRandom(aws, endpoint, [...size32, '--ca-bundle', certificate]);
    t.equal(trusting.status, 0, trusting.stderr);
    t.equal(trusting.stdout.trimEnd().length, 44);
    const doubting = await generateRandom(aws, endpoint, size32);
    t.not(doubting.status, 0);
    t.match(doubting.stderr, /SSL validation failed/);
  },
);
