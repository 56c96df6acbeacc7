/** The arm64 package and image in an emulator: the package's programs, on the image's libraries. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePath } from '../../support/paths.js';
import { until } from '../../support/until.js';
import { cannotRelease, fileOf, ok, release, releaseMs } from './release.js';

const patient = { limitMs: 120_000, pollMs: 200 };

async function all(): Promise<void> {
  const folder = await release();
  const [root, files] = [t.testdir({ image: {}, root: {} }), join(t.testdirName, 'root')];
  const image = join(root, 'image');
  ok('tar', ['-xzf', join(folder, 'entropyd-oci-arm64.tar.gz'), '-C', image]);
  const json = (path: string) => JSON.parse(readFileSync(join(image, path), 'utf8'));
  const blob = (digest: string) => join('blobs/sha256', digest.replace('sha256:', ''));
  const { config, layers } = json(blob(json('index.json').manifests[0].digest));
  for (const { digest } of layers) ok('tar', ['-xzf', join(image, blob(digest)), '-C', files]);

  await t.test('the image is of arm64, with its loader, without a shell', async (t) => {
    t.match(json(blob(config.digest)), {
      architecture: 'arm64',
      config: { User: '18478:18478', Entrypoint: ['/usr/bin/entropyd'] },
    });
    t.ok(existsSync(join(files, 'usr/lib/ld-linux-aarch64.so.1')));
    t.strictSame(
      readdirSync(files, { recursive: true, encoding: 'utf8' }).filter((path) =>
        /\/s?bin\/\w*sh$/.test(path),
      ),
      [],
    );
  });

  await t.test('its binaries are the package’s', async (t) => {
    const content = t.testdir();
    ok('dpkg-deb', ['--extract', fileOf(folder, /^entropyd_.*_arm64\.deb$/), content]);
    ok('diff', ['-r', join(content, 'usr/lib/entropyd'), join(files, 'usr/lib/entropyd')]);
    const node = join(content, 'usr/lib/entropyd/bin/node');
    t.match(ok('readelf', ['--file-header', node]), /Machine: +AArch64/);
  });

  await t.test('daemon and entropyctl run, with the addon', async (t) => {
    const node = ['-cpu', 'max', '-L', files, join(files, 'usr/lib/entropyd/bin/node')];
    const program = (name: string) => [...node, join(files, 'usr/lib/entropyd/dist', name)];
    const socket = freePath();
    const daemon = spawn('qemu-aarch64', [...program('entropyd.js'), '--socket', socket], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    daemon.stderr.on('data', (data) => {
      log += data;
    });
    t.teardown(() => daemon.kill('SIGKILL'));
    await until(() => existsSync(socket) || daemon.exitCode !== null, 'the socket', patient);
    t.equal(daemon.exitCode, null, log);
    const ask = (...args: string[]) =>
      ok('qemu-aarch64', [...program('entropyctl.js'), ...args, '--socket', socket]);
    t.match(ask('health'), /^OK - operational/);
    t.match(ask('random', '32', '--format', 'hex'), /^[0-9a-f]{64}\n$/);
    daemon.kill('SIGTERM');
    await once(daemon, 'exit');
  });
}

t.setTimeout(releaseMs);
const reason = cannotRelease();
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`a release: ${reason}`);
  else t.plan(0, `no release: ${reason}`);
} else await all();
