/** The client for Python, from its sources: bytes, health, threads, forks, asyncio, hostile servers. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { clientFolder, passPythonTests } from './python-tests.js';

t.test('its own tests pass against the daemon', async (t) => {
  await passPythonTests(t, 'python3', { PYTHONPATH: join(clientFolder, 'src') });
});

t.test('it has the version of the package, as Python writes it', async (t) => {
  const project = readFileSync(join(clientFolder, 'pyproject.toml'), 'utf8');
  const { version } = JSON.parse(readFileSync(join(clientFolder, '../../package.json'), 'utf8'));
  // PEP 440: 0.2.0-dev is 0.2.0.dev0 there.
  const [, own] = /^version = "(.+)"$/m.exec(project) ?? [];
  t.equal(own, version.replace(/-dev$/, '.dev0'));
});
