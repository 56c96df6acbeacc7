import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { noise } from '../../src/commands/noise.js';
import { loadAddon } from '../../src/native.js';
import { fakeGenerator, startServer, temporaryFolder } from '../support.js';

const adminRule = () => ({ uid: process.geteuid?.() ?? 0, group: undefined });
const { addon } = loadAddon();

t.test('samples go into a file, as many as asked for', async (t) => {
  const asked: [string, number][] = [];
  const generator = fakeGenerator({
    async noise(source, size) {
      asked.push([source, size]);
      return new Uint8Array(size).fill(0xcc);
    },
  });
  const { path: socket } = await startServer(t, generator, { addon, adminRule });
  const output = join(temporaryFolder(), 'samples');
  await noise('rdseed', 1_048_576 + 5, { socket, output });
  t.ok(readFileSync(output).equals(Buffer.alloc(1_048_576 + 5, 0xcc)));
  t.equal(statSync(output).mode & 0o777, 0o600);
  t.strictSame(asked, [
    ['rdseed', 1_048_576],
    ['rdseed', 5],
  ]);
});

t.test('a terminal is no place for them', async (t) => {
  t.intercept(process.stdout, 'isTTY', { value: true });
  await t.rejects(noise('rdseed', 5, {}), { message: /give --output FILE or a pipe/ });
});

t.test('others are refused', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const output = join(temporaryFolder(), 'none');
  await t.rejects(noise('rdseed', 5, { socket, output }), { code: 'ERR_FORBIDDEN' });
});
