/** The files of kubernetes/ keep to Kubernetes' schema and the restricted standard, and fit together. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { parseConfigFile } from '../../../src/config/schema.js';
import {
  type Found,
  folder,
  type Manifest,
  manifestsOf,
  only,
  type PodSpec,
  parseManifests,
  podOf,
  schemaFaults,
  unknownMembers,
} from './manifests.js';
import { brokenControls, controlNames } from './pod-security.js';

const gateway = manifestsOf('gateway');
const socket = manifestsOf('socket');
const own = only(gateway, 'DaemonSet');
const ownPod = podOf(own) as PodSpec;
const imageScript = join(folder, '../container/image.mjs');
const text = (file: string) => readFileSync(join(folder, file), 'utf8');
const container = (name: string, pod = ownPod) => {
  const found = pod.containers.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
};

t.test('every manifest keeps to the schema and has no unknown member', async (t) => {
  const all = [...gateway, ...socket];
  t.ok(all.length >= 9, `${all.length} manifests`);
  t.strictSame(await schemaFaults(all), []);
  t.strictSame(unknownMembers(all), []);
});

t.test('every kind of fault is found', async (t) => {
  const service = (spec: string) =>
    parseManifests(`{apiVersion: v1, kind: Service, metadata: {name: x}, spec: ${spec}}`, 'x');
  for (const [what, found, schema, unknown] of [
    ['none', service('{internalTrafficPolicy: Local}'), /^$/, /^$/],
    [
      'a wrong type',
      service('{ports: [{port: https}]}'),
      /ports\/0\/port must be integer/,
      /not assignable/,
    ],
    ['a misspelt member', service('{internalTrafficPolcy: Local}'), /^$/, /internalTrafficPolcy/],
    ['a missing member', service('{ports: [{name: https}]}'), /required property port/, /missing/],
    [
      'another version',
      [{ file: 'x', manifest: { ...own, apiVersion: 'apps/v2' } as unknown as Manifest }],
      /no DaemonSet in apps\/v2/,
      /apps\/v2/,
    ],
  ] as [string, Found[], RegExp, RegExp][]) {
    t.match((await schemaFaults(found)).join('\n'), schema, what);
    t.match(unknownMembers(found).join('\n'), unknown, what);
  }
  t.throws(() => parseManifests('a: 1\na: 2', 'x'), { message: /^x: Map keys must be unique/ });
});

t.test('the gateway’s pods and both clients keep to the standard that they declare', async (t) => {
  const levels = Object.entries(only(gateway, 'Namespace').metadata?.labels ?? {}).filter(
    ([name]) => name.startsWith('pod-security.kubernetes.io/') && !name.endsWith('version'),
  );
  t.same(
    levels.map(([, level]) => level),
    ['restricted', 'restricted', 'restricted'],
  );
  t.strictSame(brokenControls(ownPod), []);
  t.strictSame(brokenControls(podOf(only(gateway, 'Pod')) as PodSpec), []);
  t.strictSame(
    brokenControls(podOf(only(socket, 'Pod')) as PodSpec),
    ['HostPath Volumes', 'Volume Types'],
    'which the other variant needs',
  );
  t.strictSame(
    brokenControls(podOf(only(socket, 'DaemonSet')) as PodSpec),
    [
      'HostPath Volumes',
      'Volume Types',
      'Running as Non-root',
      'Running as Non-root user',
      'Capabilities',
    ],
    'and so does the container that prepares the folder',
  );
});

t.test('each control of the standard finds what it forbids', async (t) => {
  const first = { ...container('daemon') };
  const secured = (change: object) => ({
    containers: [{ ...first, securityContext: { ...first.securityContext, ...change } }],
  });
  const podWide = (change: object) => ({
    securityContext: { ...ownPod.securityContext, ...change },
  });
  const cases: [string, object, string[]?][] = [
    ['HostProcess', podWide({ windowsOptions: { hostProcess: true } })],
    ['Host Namespaces', { hostNetwork: true }],
    ['Privileged Containers', secured({ privileged: true })],
    ['HostPath Volumes', { volumes: [{ name: 'x', hostPath: { path: '/' } }] }, ['Volume Types']],
    ['Host Ports', { containers: [{ ...first, ports: [{ containerPort: 1, hostPort: 1 }] }] }],
    ['AppArmor', secured({ appArmorProfile: { type: 'Unconfined' } })],
    ['SELinux', podWide({ seLinuxOptions: { type: 'spc_t' } })],
    ['/proc Mount Type', secured({ procMount: 'Unmasked' })],
    ['Sysctls', podWide({ sysctls: [{ name: 'kernel.core_pattern', value: 'x' }] })],
    ['Volume Types', { volumes: [{ name: 'x', nfs: { path: '/', server: 'x' } }] }],
    ['Privilege Escalation', secured({ allowPrivilegeEscalation: undefined })],
    ['Running as Non-root', podWide({ runAsNonRoot: undefined })],
    ['Running as Non-root user', secured({ runAsUser: 0 })],
    ['Seccomp', podWide({ seccompProfile: undefined })],
    ['Capabilities', secured({ capabilities: { drop: ['ALL'], add: ['SYS_ADMIN'] } })],
  ];
  t.strictSame(
    cases.map(([name]) => name),
    controlNames,
  );
  for (const [name, change, others = []] of cases)
    t.strictSame(brokenControls({ ...ownPod, ...change } as PodSpec), [name, ...others], name);
  for (const list of ['initContainers', 'ephemeralContainers'])
    t.strictSame(
      brokenControls({ ...ownPod, [list]: [{ name: 'x' }] } as PodSpec),
      ['Privilege Escalation', 'Capabilities'],
      list,
    );
});

t.test('beyond the standard, every container is as small as it can be', async (t) => {
  for (const [what, pod] of [...gateway, ...socket].map(
    ({ file, manifest }) => [file, podOf(manifest)] as const,
  )) {
    if (pod === undefined) continue;
    t.equal(pod.automountServiceAccountToken, false, `${what}: no token of the cluster`);
    for (const { name, securityContext, resources } of [
      ...(pod.initContainers ?? []),
      ...pod.containers,
    ]) {
      t.equal(securityContext?.readOnlyRootFilesystem, true, `${what}: ${name}`);
      t.ok(resources?.limits?.memory && resources.requests?.memory && resources.requests.cpu, name);
      t.equal(resources?.limits?.cpu, undefined, 'a limit of CPU time would only add latency');
    }
  }
});

t.test('every node has a pod, also during an update', async (t) => {
  t.match(own.spec?.updateStrategy, { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } });
  t.strictSame(ownPod.tolerations, [{ operator: 'Exists' }]);
  t.equal(ownPod.priorityClassName, only(gateway, 'PriorityClass').metadata?.name);
});

t.test('the service finds the pods and their port, on its own node only', async (t) => {
  const { spec } = only(gateway, 'Service');
  const labels = own.spec?.template.metadata?.labels;
  t.equal(spec?.internalTrafficPolicy, 'Local');
  t.strictSame(spec?.selector, labels);
  t.strictSame(own.spec?.selector.matchLabels, labels);
  const [port] = container('gateway').ports ?? [];
  t.equal(spec?.ports?.[0]?.targetPort, port?.name);
  const policy = only(gateway, 'NetworkPolicy').spec;
  t.strictSame(policy?.podSelector?.matchLabels, labels);
  t.strictSame(policy?.policyTypes, ['Ingress', 'Egress']);
  t.strictSame(policy?.egress, [], 'nothing goes out');
  t.strictSame(
    policy?.ingress?.flatMap(({ ports = [] }) => ports),
    [{ protocol: 'TCP', port: port?.name }],
  );
  const { gateway: settings, listen } = parseConfigFile(
    text('gateway/entropyd.toml'),
    'entropyd.toml',
  );
  t.equal(settings?.listen?.[0]?.split(':').at(-1), String(port?.containerPort));
  t.equal(settings?.require_signatures, true);
  const mounts = (name: string) =>
    Object.fromEntries((container(name).volumeMounts ?? []).map((each) => [each.name, each]));
  const inside = (path: string | undefined, mount: { mountPath: string } | undefined) =>
    path?.startsWith(`${mount?.mountPath}/`);
  const { credentials, tls, config, socket } = mounts('gateway');
  t.ok(inside(settings?.credentials, credentials), 'credentials');
  t.ok(inside(settings?.tls_cert, tls) && inside(settings?.tls_key, tls), 'TLS');
  t.ok(
    inside(listen?.[0]?.path, socket) && inside(listen?.[0]?.path, mounts('daemon').socket),
    'socket',
  );
  for (const name of ['daemon', 'gateway'])
    t.ok(
      inside(
        container(name).command?.find((word) => word.endsWith('.toml')),
        config,
      ),
      name,
    );
  t.equal(socket?.readOnly, true, 'the gateway makes nothing there');
});

t.test(
  'daemon and gateway are two users, and the group of the secrets is the gateway’s',
  async (t) => {
    const uid = (name: string) => container(name).securityContext?.runAsUser;
    t.not(uid('daemon'), uid('gateway'));
    t.equal(ownPod.securityContext?.fsGroup, container('gateway').securityContext?.runAsGroup);
    for (const { name, secret } of ownPod.volumes ?? [])
      if (secret !== undefined) t.equal(secret.defaultMode, 0o440, name);
    t.match(readFileSync(imageScript, 'utf8'), `const user = ${uid('gateway')};`);
  },
);

t.test('when a pod ends, the gateway’s last answers come before its daemon ends', async (t) => {
  const pause = (name: string) => Number(container(name).lifecycle?.preStop?.exec?.command?.at(-1));
  const closeSeconds = 5;
  t.ok(pause('gateway') > 0, 'connections come until every proxy has heard');
  t.ok(pause('daemon') > pause('gateway') + closeSeconds);
  t.ok((ownPod.terminationGracePeriodSeconds ?? 0) > pause('daemon') + closeSeconds);
});

t.test('an unhealthy generator takes a pod out of service but ends no container', async (t) => {
  const { startupProbe, livenessProbe, readinessProbe } = container('gateway');
  t.equal(readinessProbe?.httpGet?.path, '/healthz');
  for (const probe of [startupProbe, livenessProbe, readinessProbe]) {
    t.equal(probe?.httpGet?.scheme, 'HTTPS');
    t.equal(probe?.httpGet?.httpHeaders, undefined, 'a kubelet asks under the pod’s address');
    t.ok((probe?.timeoutSeconds ?? 0) > 5, 'longer than the gateway waits for its daemon');
  }
  const command = container('gateway').command?.join(' ');
  t.match(command, '--page-host $(POD_IP)');
  t.match(command, ' gateway --no-open ', 'nor does it open if its configuration is lost');
  for (const probe of [startupProbe, livenessProbe]) t.equal(probe?.httpGet?.path, '/');
  for (const pod of [ownPod, podOf(only(socket, 'DaemonSet')) as PodSpec])
    for (const probe of [
      container('daemon', pod).startupProbe,
      container('daemon', pod).livenessProbe,
    ])
      t.strictSame(probe?.exec?.command, ['entropyctl', 'status']);
});

t.test('the socket is shared by its folder, without administrators', async (t) => {
  const daemon = podOf(only(socket, 'DaemonSet')) as PodSpec;
  const client = podOf(only(socket, 'Pod')) as PodSpec;
  const { listen } = parseConfigFile(text('socket/entropyd.toml'), 'entropyd.toml');
  t.match(listen, [{ path: '/run/entropyd/entropyd.sock', admin: false }]);
  const hostPath = (pod: PodSpec) => pod.volumes?.find((each) => each.hostPath)?.hostPath;
  t.equal(hostPath(client)?.path, hostPath(daemon)?.path);
  t.match(client.containers[0]?.volumeMounts, [{ mountPath: '/run/entropyd', readOnly: true }]);
  const dropIn = readFileSync(join(folder, '../systemd/drop-ins/containers-socket.conf'), 'utf8');
  t.match(
    dropIn,
    `ListenStream=${hostPath(client)?.path}/entropyd.sock`,
    'the host’s daemon has it there too',
  );
});

t.test('the kustomizations name every file', async (t) => {
  for (const [variant, found] of [
    ['gateway', gateway],
    ['socket', socket],
  ] as const) {
    const {
      resources,
      namespace,
      configMapGenerator,
      secretGenerator = [],
      images,
    } = parse(text(`${variant}/kustomization.yaml`));
    const files = found
      .map(({ file }) => file.split('/')[1])
      .filter((file) => !file?.startsWith('example'));
    t.strictSame([...resources].sort(), files.sort());
    t.equal(namespace, only(found, 'Namespace').metadata?.name);
    const pod = podOf(only(found, 'DaemonSet')) as PodSpec;
    const made = [...configMapGenerator, ...secretGenerator].map(({ name }) => name).sort();
    const used = (pod.volumes ?? [])
      .map(({ configMap, secret }) => configMap?.name ?? secret?.secretName)
      .filter((name) => name !== undefined);
    t.strictSame(used.sort(), made);
    for (const { image } of [...(pod.initContainers ?? []), ...pod.containers])
      t.equal(image, images[0].name);
    const { version } = JSON.parse(readFileSync(join(folder, '../package.json'), 'utf8'));
    t.equal(images[0].newTag, version);
  }
});
