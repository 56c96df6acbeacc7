/** The images of a release: on amd64 run by podman, read-only and without a network; arm64's files. */
import { join } from 'node:path';
import t from 'tap';
import { image, impossible, Node } from '../kubernetes/node.js';
import { ok, unpackImage, withRelease } from './release.js';

const user = '18478:18478';

await withRelease(async (folder) => {
  for (const [architecture, machine, loader] of [
    ['amd64', /X86-64/, 'usr/lib64/ld-linux-x86-64.so.2'],
    ['arm64', /AArch64/, 'usr/lib/ld-linux-aarch64.so.1'],
  ] as const)
    await t.test(`${architecture}: its programs, no shell, not root's`, async (t) => {
      const { config, files } = unpackImage(t, folder, architecture);
      t.match(config, {
        architecture,
        os: 'linux',
        config: { User: user, Entrypoint: ['/usr/bin/entropyd'] },
      });
      for (const path of [loader, 'usr/lib/entropyd/bin/node'])
        t.match(ok('readelf', ['--file-header', join(files, path)]), machine, path);
      const programs = ok('find', ['.', '-path', '*bin/*'], { cwd: files }).trim().split('\n');
      t.strictSame(programs.sort(), [
        './usr/bin/entropyctl',
        './usr/bin/entropyd',
        './usr/lib/entropyd/bin/node',
      ]);
    });

  const node = Node.start(t, join(folder, 'entropyd-oci-amd64.tar.gz'));

  await t.test('it runs read-only, without capabilities and network, and answers', async (t) => {
    const limits = ['--read-only', '--cap-drop=all', '--network=none', '--tmpfs=/run/entropyd'];
    const socket = '--env=ENTROPYD_SOCKET=/run/entropyd/entropyd.sock';
    t.match(node.podman('run', '--detach', '--name=one', ...limits, socket, image), { status: 0 });
    await node.until('one', 'healthy', () => node.exec('one', 'entropyctl', 'health').status === 0);
    t.match(
      node.exec('one', 'entropyctl', 'random', '32', '--format', 'hex').stdout,
      /^[0-9a-f]{64}\n$/,
    );
    const code = `
      const status = fs.readFileSync('/proc/1/status', 'utf8');
      const failure = (path) => { try { fs.writeFileSync(path, ''); } catch ({ code }) { return code; } };
      console.log(JSON.stringify({
        ids: /^Uid:\\t(\\d+)/m.exec(status)[1] + ':' + /^Gid:\\t(\\d+)/m.exec(status)[1],
        capabilities: /^CapEff:\\t(\\d+)/m.exec(status)[1],
        program: fs.readFileSync('/proc/1/comm', 'utf8').trim(),
        failures: ['/etc/passwd', '/usr/bin/new', '/new'].map(failure),
      }));`;
    t.strictSame(JSON.parse(node.js('one', code).stdout), {
      ids: user,
      capabilities: '0000000000000000',
      program: 'entropyd',
      failures: ['EROFS', 'EROFS', 'EROFS'],
    });
    for (const shell of ['sh', '/bin/sh', 'bash', 'busybox'])
      t.not(node.exec('one', shell, '-c', 'true').status, 0, `no ${shell}`);
    t.match(node.podman('stop', 'one'), { status: 0 });
    t.equal(node.inspect('one', '{{.State.ExitCode}}'), '0');
  });
}, impossible);
