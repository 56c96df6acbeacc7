import { readFileSync } from 'node:fs';
import t from 'tap';
import { version } from '../src/version.js';

t.test('is that of package.json', async (t) => {
  const url = new URL('../package.json', import.meta.url);
  t.equal(version, JSON.parse(readFileSync(url, 'utf8')).version);
});
