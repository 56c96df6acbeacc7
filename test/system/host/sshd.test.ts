/**
 * sshd with the OpenSSL provider: before the login its seccomp filter allows no connection to the daemon, so
 * key exchanges that need OpenSSL's random bytes end with the process. Needs root, as sshd does.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../support/paths.js';
import { testWith } from '../interop/installed.js';
import { run } from '../interop/run.js';
import { firstOf, Host, isRoot, untilUp } from './host.js';

const sshd = {
  name: 'sshd, as root (Debian packages openssh-server and openssh-client)',
  command: isRoot ? firstOf('/usr/sbin/sshd') : undefined,
};

testWith(sshd, 'sshd: what its sandbox forbids fails closed', async (t, sshd) => {
  const host = await Host.start(t);
  const folder = join(host.folder, 'ssh');
  mkdirSync(folder);
  // sshd's own empty directory, which its unit makes.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const file = (name: string) => join(folder, name);
  // Without the provider.
  for (const [name, type] of [
    ['ed25519', 'ed25519'],
    ['ecdsa', 'ecdsa'],
    ['user', 'ed25519'],
  ] as const)
    t.match(await run('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', file(name)]), { status: 0 });
  copyFileSync(file('user.pub'), file('authorized'));
  const port = await freePort();
  const settings = {
    Port: port,
    ListenAddress: '127.0.0.1',
    AuthorizedKeysFile: file('authorized'),
    PermitRootLogin: 'yes',
    PidFile: 'none',
    StrictModes: 'no',
    UsePAM: 'no',
  };
  const all = [
    ...Object.entries(settings),
    ['HostKey', file('ed25519')],
    ['HostKey', file('ecdsa')],
  ];
  writeFileSync(file('sshd_config'), all.map((line) => `${line.join(' ')}\n`).join(''));
  const server = host.start([sshd, '-D', '-e', '-f', file('sshd_config')]);

  /** Logs in, with a client that does not use the provider. */
  const login = (keyExchange: string, hostKey: string) => {
    const options = {
      KexAlgorithms: keyExchange,
      HostKeyAlgorithms: hostKey,
      IdentitiesOnly: 'yes',
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
      BatchMode: 'yes',
    };
    const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    const where = ['-F', 'none', '-p', String(port), '-i', file('user'), 'root@127.0.0.1'];
    return run('ssh', [...flags, ...where, 'echo', 'hello']);
  };
  const works = async (keyExchange: string, hostKey: string) =>
    (await login(keyExchange, hostKey)).stdout === 'hello\n';
  const modern = ['curve25519-sha256', 'ssh-ed25519'] as const;
  await untilUp(server, () => works(...modern), 'sshd answers');

  t.ok(await works('sntrup761x25519-sha512@openssh.com', 'ssh-ed25519'), 'libc has its bytes');
  const before = await host.served();
  t.ok(await works('curve25519-sha256', 'ecdsa-sha2-nistp256'), 'the monitor signs, unconfined');
  t.ok((await host.served()) - before >= 32, 'with bytes of the daemon');
  for (const keyExchange of ['ecdh-sha2-nistp256', 'diffie-hellman-group14-sha256']) {
    const { status, stdout } = await login(keyExchange, 'ssh-ed25519');
    t.strictSame({ status, stdout }, { status: 255, stdout: '' }, keyExchange);
  }
  t.ok(await works(...modern), 'sshd itself goes on');

  await host.stopDaemon();
  t.notOk(await works(...modern), 'without the daemon nobody can log in');
  // It draws a byte for itself after each connection that it has accepted.
  const { status, stdout } = await server.ended;
  t.equal(status, 255, 'and sshd ends, which its unit does not repair');
  t.match(stdout, /RAND_bytes failed|PRNG is not seeded/);
});
