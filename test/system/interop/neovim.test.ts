import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exampleOf, examplesOf, here } from './examples.js';
import { commandClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const nvim = commandClient('nvim', 'nvim (Debian package neovim)');
const read = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');

testWith(
  nvim,
  'Neovim gets whole strings, maps and refusals, as docs/clients.md says',
  async (t, command) => {
    const path = await startRealPath(t);
    const example = here(exampleOf(examplesOf('clients.md'), { language: 'lua' }), path);
    const dir = t.testdir({ 'client.lua': example + read('neovim_client.lua') });
    const { stdout, stderr } = await run(command, [
      ...['--headless', '--clean', '-n', '-i', 'NONE'],
      ...['-c', `luafile ${join(dir, 'client.lua')}`, '-c', 'qa!'],
    ]);
    t.equal(stderr, '', 'no error of Lua');
    const seen = JSON.parse(stdout);
    t.match(seen, {
      kind: 'string',
      bytes: /^[0-9a-f]{64}$/,
      again: /^[0-9a-f]{64}$/,
      largeSize: 1_048_576,
      fresh: 7,
      version: { name: 'entropyd', protocol: 1 },
      health: { state: /./, healthy: Boolean, reason: String, sources: Array },
      // Later versions may show more than 0.7.2.
      badLength: { ok: false, result: /unknown error|ERR_LENGTH/ },
      noMethod: { ok: false, result: /unknown error|ERR_METHOD/ },
      afterwards: 5,
    });
    t.not(seen.bytes, seen.again, 'two calls differ');
    // Binomial: 4096 are expected, the standard deviation is 64.
    t.ok(seen.largeNuls > 2048, `${seen.largeNuls} NULs`);
  },
);
