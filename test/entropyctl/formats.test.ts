import { randomBytes } from 'node:crypto';
import t from 'tap';
import { validate, version } from 'uuid';
import { connect } from '../../src/client/client.js';
import { UsageError } from '../../src/common/program.js';
import { formats, type OutputFormat } from '../../src/entropyctl/formats.js';
import { startServer } from '../support/daemon.js';
import { lines } from '../support/program.js';

const bytes = Uint8Array.from({ length: 48 }, (_, i) => 5 * i);

t.test('each format encodes bytes', async (t) => {
  t.equal(formats.raw.encode(bytes), bytes);
  t.equal(formats.hex.encode(bytes), Buffer.from(bytes).toString('hex'));
  t.equal(formats.base64.encode(bytes), Buffer.from(bytes).toString('base64'));
  t.equal(
    formats.uuid.encode(bytes),
    [
      '00050a0f-1419-4e23-a82d-32373c41464b',
      '50555a5f-6469-4e73-b87d-82878c91969b',
      'a0a5aaaf-b4b9-4ec3-88cd-d2d7dce1e6eb',
      '',
    ].join('\n'),
  );
});

t.test('only the given part of a larger array is encoded', async (t) => {
  const part = bytes.subarray(16, 32);
  t.equal(formats.hex.encode(part), '50555a5f64696e73787d82878c91969b');
  t.equal(formats.base64.encode(part), Buffer.from([...part]).toString('base64'));
});

t.test('pieces of 48 bytes, end to end, are the encoding of the whole', async (t) => {
  const all = randomBytes(480);
  for (const name of ['hex', 'base64', 'uuid'] as const) {
    let pieces = '';
    for (let at = 0; at < all.length; at += 48)
      pieces += formats[name].encode(all.subarray(at, at + 48));
    t.equal(pieces, formats[name].encode(all), name);
  }
});

t.test('each UUID is of version 4 (RFC 9562)', async (t) => {
  const uuids = lines(formats.uuid.encode(randomBytes(16 * 200)) as string);
  t.equal(uuids.length, 200);
  t.ok(uuids.every((uuid) => validate(uuid) && version(uuid) === 4));
});

t.test('a size that a format does not take is a usage error', async (t) => {
  for (const [name, size, message] of [
    ['raw', 1, undefined],
    ['hex', 2 ** 40, undefined],
    ['base64', 1, undefined],
    ['uuid', 16, undefined],
    ['uuid', 32, undefined],
    ['uuid', 8, 'N: uuid takes a multiple of 16 bytes: 8'],
    ['uuid', 17, 'N: uuid takes a multiple of 16 bytes: 17'],
    ['password', 4096, undefined],
    ['password', 4097, 'N: a password has 1 to 4096 characters: 4097'],
    ['aws', 1024, undefined],
    ['aws', 1025, 'N: this format takes 1 to 1024 bytes: 1025'],
    ['gen-random', 1, undefined],
    ['gen-random', 1025, 'N: this format takes 1 to 1024 bytes: 1025'],
  ] as const) {
    const check = () => formats[name].check(size);
    if (message === undefined) t.doesNotThrow(check, `${name} ${size}`);
    else t.throws(check, new UsageError(message), `${name} ${size}`);
  }
});

t.test('text ends with a newline', async (t) => {
  t.strictSame(Object.fromEntries(Object.entries(formats).map(([name, { end }]) => [name, end])), {
    raw: '',
    hex: '\n',
    base64: '\n',
    uuid: '',
    aws: '\n',
    'gen-random': '\n',
    password: '\n',
  });
});

t.test('the formats of the APIs are their responses', async (t) => {
  const { path } = await startServer(t);
  const client = connect({ socketPath: path, dialect: 'hwc' });
  t.teardown(() => client.close());
  for (const size of [1, 64, 1024]) {
    const aws = JSON.parse(await formats.aws.answer(client, size, {}));
    t.strictSame(Object.keys(aws), ['Plaintext']);
    t.equal(Buffer.from(aws.Plaintext, 'base64').length, size);
    const huawei = JSON.parse(await formats['gen-random'].answer(client, size, {}));
    t.strictSame(Object.keys(huawei), ['random_data']);
    t.match(huawei.random_data, new RegExp(`^[0-9A-F]{${2 * size}}$`));
  }
  const password = { ExcludeCharacters: 'abc', ExcludePunctuation: true };
  t.match(await formats.password.answer(client, 100, { password }), /^[A-Zd-z0-9]{100}$/);
  const answers: OutputFormat[] = [formats.password, formats.aws, formats['gen-random']];
  for (const { encode } of answers) t.equal(encode(bytes), bytes, 'not used');
});
