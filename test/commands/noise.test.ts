import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { noise } from '../../src/commands/noise.js';
import { loadAddon } from '../../src/common/package.js';
import { fakeGenerator, printedBy, startServer, temporaryFolder } from '../support.js';

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
  const { noise: onTerminal } = await t.mockImport<typeof import('../../src/commands/noise.js')>(
    '../../src/commands/noise.js',
    { 'node:tty': { isatty: () => true } },
  );
  await t.rejects(onTerminal('rdseed', 5, {}), { message: /give --output FILE or a pipe/ });
});

t.test('as JSON they are base64, or the file is named', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator(), { addon, adminRule });
  const json = async (size: number, output?: string) =>
    JSON.parse(
      await printedBy(t, () =>
        noise('rdseed', size, { socket, json: true, ...(output === undefined ? {} : { output }) }),
      ),
    );
  t.strictSame(await json(3), { source: 'rdseed', size: 3, data: 'zMzM' });
  const output = join(temporaryFolder(), 'json');
  t.strictSame(await json(5, output), { source: 'rdseed', size: 5, output });
  t.equal(statSync(output).size, 5);
  await t.rejects(json(1_048_577), { code: 'ERR_USAGE' });
});

t.test('others are refused', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  const output = join(temporaryFolder(), 'none');
  await t.rejects(noise('rdseed', 5, { socket, output }), { code: 'ERR_FORBIDDEN' });
});
