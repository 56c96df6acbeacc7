/**
 * The AppArmor profiles: parsed by Debian's compiler, and enforced by a Debian kernel in a virtual machine, where
 * the installed package does all that it is for and the kernel denies it nothing.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { makeCertificate } from '../../support/certificates.js';
import { temporaryFolder } from '../../support/paths.js';
import { Guest, noGuest } from './apparmor-guest.js';
import { missing } from './deb.js';

const profiles = fileURLToPath(new URL('../../../debian/apparmor.d', import.meta.url));
/** What a kernel of Debian 12 or later enforces; this one may have no AppArmor. */
const features = '/etc/apparmor.d/abi/3.0';

/** Includes building the package. */
const wholeMs = 1_500_000;

t.setTimeout(wholeMs);

/** Runs a group of tests, or says why not; in CI that is a failure. */
function possibly(name: string, reason: string | undefined, run: (t: Test) => Promise<void>) {
  if (reason === undefined) t.test(name, run);
  else if (process.env.CI === 'true') t.fail(`${name}: ${reason}`);
  else t.test(name, { skip: reason }, run);
}

const parser = missing(['apparmor_parser']).length === 0 && existsSync(features);

possibly(
  'Debian’s parser has nothing to say of profiles and abstraction',
  parser ? undefined : 'the Debian package apparmor is not installed',
  async (t) => {
    const parse = (input: string) =>
      spawnSync(
        'apparmor_parser',
        [
          ...['--skip-kernel-load', '--skip-cache', `--kernel-features=${features}`],
          ...['--warn=all', '--Werror', `--Include=${profiles}`],
        ],
        { input, encoding: 'utf8' },
      );
    for (const name of ['entropyd', 'entropyd-gateway'])
      t.match(parse(readFileSync(join(profiles, name), 'utf8')), { status: 0, stderr: '' }, name);
    const client = (rule: string) =>
      `abi <abi/3.0>,\ninclude <tunables/global>\nprofile client {\n  ${rule}\n}\n`;
    t.match(parse(client('include <abstractions/entropyd>')), { status: 0, stderr: '' });
    t.not(parse(client('include <abstractions/none>')).status, 0, 'it would say so');
  },
);

/** Python on the guest that prints what it gets: of a URL, of an EGD or byte socket. */
const asks = `
import socket, ssl, sys, urllib.request
what, where, *rest = sys.argv[1:]
if what == "get":
    context = ssl.create_default_context(cafile=rest[0]) if rest else None
    print(urllib.request.urlopen(where, timeout=300, context=context).read().decode())
elif what == "vault":
    request = urllib.request.Request(where, data=b"{}", headers={"x-vault-token": "any"})
    print(urllib.request.urlopen(request, timeout=300).read().decode())
else:
    client = socket.socket(socket.AF_UNIX)
    client.connect(where)
    if what == "egd": client.sendall(bytes([2, 16]))
    print(client.makefile("rb").read(16).hex())
`;

const config = '/etc/entropyd/entropyd.toml';

possibly('enforced by the kernel, they deny nothing that is needed', noGuest(), async (t) => {
  const guest = await Guest.boot(t);
  await guest.write('/opt/asks.py', asks);
  const ask = (...args: string[]) => guest.sh(`python3 /opt/asks.py ${args.join(' ')}`);
  /** The profile of each process of a name. */
  const profilesOf = async (name: string) => {
    const text = await guest.sh(`for p in $(pidof ${name}); do cat /proc/$p/attr/current; done`);
    return text.split('\n');
  };
  const nothingDenied = async (t: Test) => t.strictSame(await guest.denied(), [], 'nothing denied');

  await t.test('the daemon: its sources, its three sockets, its history', async (t) => {
    t.match(await guest.sh('cat /sys/kernel/security/apparmor/profiles'), 'entropyd (enforce)');
    await guest.sh('systemctl start entropyd-egd.socket entropyd-raw.socket entropyd.service');
    t.match(await guest.sh('entropyctl random 32 --format hex'), /^[0-9a-f]{64}$/);
    t.strictSame(await profilesOf('entropyd'), ['entropyd (enforce)']);
    t.match(await ask('egd', '/run/entropyd/egd.sock'), /^[0-9a-f]{32}$/);
    t.match(await ask('raw', '/run/entropyd/raw.sock'), /^[0-9a-f]{32}$/);
    t.match(await guest.sh('entropyctl selftest; entropyctl reseed; entropyctl health'), /^OK/m);
    // The kernel has the node and no driver behind it; AppArmor would say EACCES.
    t.match(await guest.sh('entropyctl status --json'), /No such device/);
    await guest.sh('systemctl reload entropyd; systemctl restart entropyd');
    await guest.sh('test -s /var/lib/entropyd/history.json');
    await nothingDenied(t);
  });

  await t.test('a fault in the configuration is reported and waited for', async (t) => {
    await guest.write(config, 'profle = "default"\n');
    const { status } = await guest.run('systemctl restart entropyd');
    t.not(status, 0);
    t.match(await guest.sh('journalctl -u entropyd -o cat'), /profle: unknown key/);
    await guest.write(config, '');
    await guest.sh('systemctl restart entropyd');
    await nothingDenied(t);
  });

  await t.test('the gateway: workers, the audit log, a reload', async (t) => {
    await guest.write(
      config,
      `[gateway]
access = "open"
workers = 2
audit = "/var/log/entropyd/audit.jsonl"
`,
    );
    await guest.sh('systemctl start entropyd-gateway.socket');
    t.match(await ask('get', 'http://127.0.0.1:8478/healthz'), /"state":"operational"/);
    t.match(await ask('vault', 'http://127.0.0.1:8478/v1/sys/tools/random/32'), /random_bytes/);
    t.strictSame(await profilesOf('entropyd-gateway'), Array(3).fill('entropyd-gateway (enforce)'));
    await guest.sh('systemctl reload entropyd-gateway');
    t.match(await guest.sh('cat /var/log/entropyd/audit.jsonl'), /"outcome":"ok"/);
    await nothingDenied(t);
  });

  const { certificate, key } = makeCertificate(temporaryFolder(), 'localhost');
  const [pem, secret] = [readFileSync(certificate, 'utf8'), readFileSync(key, 'utf8')];
  const tls = (folder: string, keyPath: string) => `[gateway]
access = "open"
audit = "syslog"
tls_cert = "${folder}/tls.pem"
tls_key = "${keyPath}"
`;
  const health = () => ask('get', 'https://127.0.0.1:8478/healthz', '/etc/entropyd/tls.pem');

  await t.test('the gateway: TLS, credentials of systemd, syslog', async (t) => {
    await guest.write('/etc/entropyd/tls.pem', pem);
    await guest.write('/etc/entropyd/tls.key', secret);
    const unit = 'entropyd-gateway.service';
    await guest.write(
      `/etc/systemd/system/${unit}.d/key.conf`,
      '[Service]\nLoadCredential=tls.key:/etc/entropyd/tls.key\n',
    );
    await guest.sh('chmod 600 /etc/entropyd/tls.key; systemctl daemon-reload');
    await guest.write(config, tls('/etc/entropyd', `/run/credentials/${unit}/tls.key`));
    await guest.sh(`systemctl restart ${unit}`);
    t.match(await health(), /"state":"operational"/);
    await nothingDenied(t);
  });

  await t.test('what no rule allows is denied, until local/ has a rule', async (t) => {
    await guest.write('/srv/tls.pem', pem);
    await guest.write(config, tls('/srv', '/run/credentials/entropyd-gateway.service/tls.key'));
    t.not((await guest.run('systemctl restart entropyd-gateway')).status, 0);
    t.match(await guest.denied(), ['/srv/tls.pem']);
    await guest.write('/etc/apparmor.d/local/entropyd-gateway', '/srv/*.pem r,\n');
    await guest.sh('apparmor_parser --replace /etc/apparmor.d/entropyd-gateway');
    await guest.sh('systemctl restart entropyd-gateway');
    t.match(await health(), /"state":"operational"/);
    await nothingDenied(t);
  });

  await t.test('a confined program draws, by the abstraction and not without it', async (t) => {
    const profile = (name: string, rule: string) => `abi <abi/3.0>,
include <tunables/global>
profile ${name} {
  include <abstractions/base>
  include <abstractions/openssl>
  include <abstractions/python>
  /usr/bin/python3* mrix,
  ${rule}
}
`;
    await guest.write('/tmp/with', profile('with', 'include <abstractions/entropyd>'));
    await guest.write('/tmp/without', profile('without', ''));
    await guest.sh('apparmor_parser --replace /tmp/with /tmp/without');
    const examples = '/usr/share/doc/openssl-provider-entropyd/examples';
    await guest.sh(`cp ${examples}/openssl.cnf /etc/entropyd/openssl.cnf`);
    const draw = 'python3 -IS -c "import ssl; print(ssl.RAND_bytes(32).hex())"';
    const drawAs = (name: string) =>
      guest.run(`OPENSSL_CONF=/etc/entropyd/openssl.cnf aa-exec -p ${name} -- ${draw}`);
    const served = async () =>
      JSON.parse(await guest.sh('entropyctl status --json')).randomBytes as number;
    const before = await served();
    t.match(await drawAs('with'), { status: 0, stdout: /^[0-9a-f]{64}\n$/ });
    t.ok((await served()) - before >= 32, 'from the daemon');
    await nothingDenied(t);
    const after = await served();
    await drawAs('without');
    // The gateway takes a byte now and then, to see whether the daemon serves.
    t.ok((await served()) - after < 32, 'nothing of the daemon');
    t.ok((await guest.denied()).includes('/etc/entropyd/openssl.cnf'));
  });

  await t.test('the package loads its profiles again when it is configured', async (t) => {
    await guest.sh('apparmor_parser --remove /etc/apparmor.d/entropyd');
    const variables = 'DPKG_MAINTSCRIPT_NAME=postinst DPKG_MAINTSCRIPT_PACKAGE=entropyd';
    await guest.sh(`${variables} /var/lib/dpkg/info/entropyd.postinst configure 0.1.0`);
    t.match(await guest.sh('entropyctl random 16 --format hex'), /^[0-9a-f]{32}$/);
    t.strictSame(await profilesOf('entropyd'), ['entropyd (enforce)']);
    await nothingDenied(t);
  });
});
