/** The pods at run time: image, users, seccomp, capabilities, mounts, probes, signals; one node for all. */
import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { makeCertificate } from '../../support/certificates.js';
import { imageArchive } from '../container/image.js';
import { cannotBuild } from '../debian/deb.js';
import { cannotPack } from '../package/tarball.js';
import {
  manifestsOf,
  only,
  type PodSpec,
  podOf,
  schemaFaults,
  unknownMembers,
} from './manifests.js';
import { impossible, Node } from './node.js';

const port = 8478;
const key = { access: 'AKIDEXAMPLE', secret: 'WonderfulSecret' };
const nextKey = { access: 'AKIDNEXT', secret: 'AnotherSecret' };
const credentials = (...keys: { access: string; secret: string }[]) =>
  keys
    .map(
      ({ access, secret }) =>
        `[[key]]\nname = "${access}"\naccess_key = "${access}"\nsecret_key = "${secret}"\n`,
    )
    .join('');

/** The kernel's status of a container's first process. */
function confinement(node: Node, container: string): Record<string, string> {
  const { stdout } = node.js(container, "process.stdout.write(fs.readFileSync('/proc/1/status'))");
  return Object.fromEntries(
    stdout.split('\n').map((line) => line.split(/:\s+/) as [string, string]),
  );
}

const none = '0000000000000000';
const confined = (uid: number) => ({
  Uid: `${uid}\t${uid}\t${uid}\t${uid}`,
  CapPrm: none,
  CapEff: none,
  CapBnd: none,
  CapAmb: none,
  NoNewPrivs: '1',
  Seccomp: '2',
});

/** Ends a container as a kubelet does: SIGTERM, and SIGKILL when the time is over. */
function ends(t: Test, node: Node, container: string, limitSeconds: number): void {
  const start = performance.now();
  node.podman('stop', '--time', String(limitSeconds), container);
  t.equal(node.inspect(container, '{{.State.ExitCode}}'), '0', container);
  t.comment(`${container} ended after ${Math.round(performance.now() - start)} ms`);
}

async function all(node: Node): Promise<void> {
  const { certificate, key: tlsKey, ca } = makeCertificate(t.testdir({}), 'entropyd');
  const found = node.kustomize('gateway', {
    'credentials.toml': credentials(key),
    'tls.crt': String(ca),
    'tls.key': readFileSync(tlsKey, 'utf8'),
  });
  const spec = podOf(only(found, 'DaemonSet')) as PodSpec;
  const fsGroup = spec.securityContext?.fsGroup;
  const [daemon, gateway] = ['gateway-daemon', 'gateway-gateway'];
  const containerOf = (name: string) => spec.containers.find((each) => each.name === name);
  const page = (path: string | undefined, host = 'localhost') =>
    node.ask(gateway, certificate, 'page', port, path ?? '', host);
  const random = ({ access, secret }: typeof key, count = 1) =>
    node.ask(gateway, certificate, 'kms', port, access, secret, count);
  const { startupProbe, livenessProbe, readinessProbe } = containerOf('gateway') ?? {};
  const isReady = () => page(readinessProbe?.httpGet?.path) === 200;
  const isAlive = () => page(livenessProbe?.httpGet?.path) === 200;
  const answers = containerOf('daemon')?.livenessProbe?.exec?.command ?? [];

  await t.test('the output of kubectl keeps to the schema too', async (t) => {
    for (const all of [found, node.kustomize('socket')]) {
      t.strictSame(await schemaFaults(all), []);
      t.strictSame(unknownMembers(all), []);
    }
    const { metadata } = only(found, 'DaemonSet');
    t.equal(metadata?.namespace, only(found, 'Namespace').metadata?.name);
  });

  await t.test('the pod of the DaemonSet starts, and its probes say so', async (t) => {
    node.runPod(found, 'gateway', spec);
    await node.until(daemon, 'an answer', () => node.exec(daemon, ...answers).status === 0);
    await node.until(gateway, 'ready', isReady);
    t.equal(page(startupProbe?.httpGet?.path), 200);
    t.ok(isAlive());
    t.equal(page('/metrics'), 200);
    t.equal(page('/healthz', '10.0.0.1:8478'), 403, 'no name that the pages know');
    const { stdout } = node.exec(daemon, 'entropyctl', 'status', '--json');
    const { state, memoryLocked, sources } = JSON.parse(stdout);
    t.equal(state, 'operational');
    t.equal(memoryLocked, true);
    t.comment(sources.map((each: { name: string; state: string }) => `${each.name} ${each.state}`));
  });

  await t.test('both run as unprivileged users on a read-only file system', async (t) => {
    for (const [container, uid] of [
      [daemon, containerOf('daemon')?.securityContext?.runAsUser],
      [gateway, containerOf('gateway')?.securityContext?.runAsUser],
    ] as const) {
      t.match(confinement(node, container), confined(uid ?? 0), container);
      for (const path of ['/was-here', '/usr/was-here', '/tmp/was-here', '/etc/was-here'])
        t.match(node.js(container, `fs.writeFileSync('${path}', '')`).stderr, /EROFS/, path);
    }
    const written = node.js(gateway, "fs.writeFileSync('/run/entropyd/was-here', '')");
    t.match(written.stderr, /EROFS/, 'nor where the socket is');
    t.match(node.exec(gateway, 'entropyctl', 'reseed').stderr, /administrator/);
    t.equal(node.exec(daemon, 'entropyctl', 'reseed').status, 0);
  });

  await t.test('the AWS SDK gets bytes over TLS with a key of the Secret only', async (t) => {
    t.strictSame(random(key, 20), Array(20).fill(32));
    t.strictSame(random({ ...key, secret: 'x' }), ['InvalidSignatureException']);
    t.strictSame(random(nextKey), ['UnrecognizedClientException']);
  });

  await t.test('a Secret that the kubelet renews is in force by itself', async (t) => {
    const renew = (text: string, mode: number) =>
      node.writeVolume(
        'gateway-credentials',
        { 'credentials.toml': Buffer.from(text) },
        mode,
        fsGroup,
      );
    renew(credentials(nextKey), 0o440);
    await node.until(gateway, 'the next key', () => String(random(nextKey)) === '32');
    t.strictSame(random(key), ['UnrecognizedClientException']);
    // The default mode of a Secret's files.
    renew(credentials(key), 0o644);
    await node.until(gateway, 'the refusal', () =>
      node.podman('logs', gateway).stderr.includes('mode 0644 lets other users reach it'),
    );
    t.strictSame(random(nextKey), [32], 'kept as it was');
    renew(credentials(key), 0o440);
    await node.until(gateway, 'the former key', () => String(random(key)) === '32');
  });

  await t.test('a renewed certificate too, and only with its key', async (t) => {
    const next = makeCertificate(t.testdir({}), 'renewed');
    const renew = (certificate: Buffer, privateKey: string) =>
      node.writeVolume(
        'gateway-tls',
        { 'tls.crt': certificate, 'tls.key': readFileSync(privateKey) },
        0o440,
        fsGroup,
      );
    const trusting = (authority: string) =>
      node.ask(gateway, authority, 'kms', port, key.access, key.secret, 1);
    renew(next.ca, tlsKey);
    await node.until(gateway, 'the refusal', () =>
      node.podman('logs', gateway).stderr.includes('mismatch'),
    );
    t.strictSame(trusting(certificate), [32]);
    renew(next.ca, next.key);
    await node.until(gateway, 'it', () => String(trusting(next.certificate)) === '32');
    t.not(String(trusting(certificate)), '32');
    renew(ca, tlsKey);
    await node.until(gateway, 'the former one', () => String(trusting(certificate)) === '32');
  });

  await t.test(
    'a daemon that is away takes the pod out of service but no container down, and recovers',
    async (t) => {
      node.podman('kill', '--signal', 'KILL', daemon);
      await node.until(gateway, 'not ready', () => page('/healthz') === 503);
      t.ok(isAlive());
      t.equal(page(startupProbe?.httpGet?.path), 200);
      t.strictSame(random(key), ['DependencyTimeoutException']);
      t.equal(node.podman('start', daemon).status, 0);
      await node.until(gateway, 'ready', isReady);
      t.strictSame(random(key), [32]);
    },
  );

  await t.test('SIGTERM ends both in time', async (t) => {
    ends(t, node, gateway, 10);
    ends(t, node, daemon, 10);
  });

  const shared = node.kustomize('socket');
  const host = node.path('_run_entropyd_containers');
  const client = (name: string, user: number) => {
    const pod = podOf(only(manifestsOf('socket'), 'Pod')) as PodSpec;
    node.runPod([], name, {
      ...pod,
      securityContext: { ...pod.securityContext, runAsNonRoot: user !== 0, runAsUser: user },
    });
  };
  const printed = (name: string) =>
    node.podman('logs', `${name}-client`).stdout.trim().split('\n').filter(Boolean);

  await t.test(
    'pods share their node’s socket through its folder, also after its daemon restarts',
    async (t) => {
      node.runPod(shared, 'socket', podOf(only(shared, 'DaemonSet')) as PodSpec);
      await node.until(
        'socket-daemon',
        'OK',
        () => node.exec('socket-daemon', 'entropyctl', 'health').status === 0,
      );
      t.equal(node.sh(`stat -c '%u %a' ${host} ${host}/entropyd.sock`), '18479 755\n18479 666');
      t.match(confinement(node, 'socket-daemon'), confined(18479));
      client('first', 12345);
      await node.until('first-client', 'a UUID', () => printed('first').length > 0);
      t.match(printed('first')[0], /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
      t.match(confinement(node, 'first-client'), confined(12345));
      t.match(node.js('first-client', "fs.writeFileSync('/run/entropyd/x', '')").stderr, /EROFS/);
      const { status, stderr } = node.podman('pod', 'restart', 'socket');
      t.equal(status, 0, stderr);
      const before = printed('first').length;
      await node.until(
        'first-client',
        'a UUID of the new daemon',
        () => printed('first').length > before + 1,
      );
      t.equal(node.inspect('first-client', '{{.State.Status}}'), 'running');
    },
  );

  await t.test('root in a container is not an administrator of its node’s daemon', async (t) => {
    client('second', 0);
    await node.until('second-client', 'a UUID', () => printed('second').length > 0);
    t.match(node.exec('second-client', 'entropyctl', 'reseed'), {
      status: 1,
      stderr: /administrator/,
    });
    ends(t, node, 'socket-daemon', 10);
  });
}

const reason = impossible() ?? cannotBuild() ?? cannotPack();
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`a node with podman: ${reason}`);
  else t.plan(0, `no node with podman: ${reason}`);
} else await all(Node.start(t, await imageArchive()));
