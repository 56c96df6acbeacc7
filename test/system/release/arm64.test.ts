/** The arm64 package of a release in an emulator: its daemon and entropyctl, on the libraries of the image. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePath } from '../../support/paths.js';
import { until } from '../../support/until.js';
import { fileOf, filesOf, isElf, ok, unpackImage, withRelease } from './release.js';

/** An emulated Node takes seconds to start. */
const patient = { limitMs: 300_000, pollMs: 200 };

await withRelease(async (folder) => {
  const deb = fileOf(folder, /^entropyd_.*_arm64\.deb$/);
  const content = t.testdir();
  ok('dpkg-deb', ['--extract', deb, content]);

  await t.test('every binary of it is for arm64', async (t) => {
    t.equal(ok('dpkg-deb', ['--field', deb, 'Architecture']), 'arm64\n');
    const binaries = filesOf(content).filter((path) => isElf(join(content, path)));
    t.ok(binaries.length >= 2, 'Node and the addon');
    for (const path of binaries)
      t.match(ok('readelf', ['--file-header', join(content, path)]), /Machine: +AArch64/, path);
  });

  await t.test('daemon and entropyctl run, with the addon', async (t) => {
    const { files } = unpackImage(t, folder, 'arm64');
    const lib = join(content, 'usr/lib/entropyd');
    const program = (name: string) => [
      ...['-cpu', 'max', '-L', files, join(lib, 'bin/node')],
      join(lib, 'dist', name),
    ];
    const socket = freePath();
    const daemon = spawn('qemu-aarch64', [...program('entropyd.js'), '--socket', socket], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    t.teardown(() => daemon.kill('SIGKILL'));
    let log = '';
    daemon.stderr.on('data', (data) => {
      log += data;
    });
    const ended = once(daemon, 'exit');
    await until(() => existsSync(socket) || daemon.exitCode !== null, 'the socket', patient);
    t.equal(daemon.exitCode, null, log);
    const ask = (...args: string[]) =>
      ok('qemu-aarch64', [...program('entropyctl.js'), ...args, '--socket', socket]);
    t.match(ask('health'), /^OK - operational/);
    t.match(ask('random', '32', '--format', 'hex'), /^[0-9a-f]{64}\n$/);
    t.match(JSON.parse(ask('status', '--json')), { state: 'operational' });
    daemon.kill('SIGTERM');
    t.strictSame(await ended, [0, null]);
  });
});
