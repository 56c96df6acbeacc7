import { commandClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const cli = commandClient('aws', 'aws (Debian package awscli)');

testWith(cli, 'the aws command gets bytes, and the texts of the service', async (t, aws) => {
  const { port } = await startRealPath(t);
  const generate = (...args: string[]) =>
    run(aws, [
      ...['kms', 'generate-random', '--endpoint-url', `http://127.0.0.1:${port}`],
      ...['--query', 'Plaintext', '--output', 'text', ...args],
    ]);
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
