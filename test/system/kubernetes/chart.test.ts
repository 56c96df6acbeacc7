/**
 * The chart, rendered by Helm itself: the same as the kustomizations, and within the schemas whatever its values are.
 * Long because all of it is about one table of values.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { type Client, testWith } from '../interop/installed.js';
import { customFaults, customSchemas, findHelm, Helm, kubeVersions } from './helm.js';
import {
  type Found,
  folder,
  type Manifest,
  only,
  type PodSpec,
  parseManifests,
  podOf,
  schemaFaults,
  unknownMembers,
} from './manifests.js';
import { brokenControls } from './pod-security.js';

t.setTimeout(900_000);

const command = findHelm();
const helm: Client = { name: 'Go, to build Helm 3.22.0', command, optional: true };
const kubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

const digest = `sha256:${'a'.repeat(64)}`;
const monitored = [
  ...['--set', 'podMonitor.enabled=true', '--set', 'podMonitor.labels.release=prometheus'],
  ...['--set', 'certificate.enabled=true', '--set', 'certificate.issuerRef.name=ca'],
  ...['--set', 'certificate.dnsNames={entropy.example}'],
];

/** Values that somebody may want. */
const wishes: Readonly<Record<string, readonly string[]>> = {
  none: [],
  socket: ['--set', 'mode=socket'],
  monitored,
  everything: [
    ...monitored,
    ...['--set', 'image.repository=registry.example/entropyd', '--set', `image.digest=${digest}`],
    ...['--set', 'imagePullSecrets[0].name=pull', '--set', 'image.pullPolicy=Always'],
    ...['--set', 'credentialsSecret=keys', '--set', 'tlsSecret=cert'],
    ...['--set', 'networkPolicy.from[0].namespaceSelector.matchLabels.team=a'],
    ...['--set', 'networkPolicy.egress[0].ports[0].port=443'],
    ...['--set', 'podDisruptionBudget.minAvailable=2', '--set', 'priorityClass.name=high'],
    ...['--set', 'service.port=8478', '--set', 'service.annotations.a=b'],
    ...['--set', 'nodeSelector.disk=ssd', '--set', 'tolerations[0].operator=Exists'],
    ...['--set', 'tolerations[0].key=x', '--set', 'podAnnotations.note=here'],
    ...['--set', 'resources.gateway.limits.memory=1Gi'],
  ],
  'nothing that can be left out': [
    ...['networkPolicy', 'podDisruptionBudget'].flatMap((each) => [
      '--set',
      `${each}.enabled=false`,
    ]),
    ...['--set', 'priorityClass.create=false'],
  ],
};

/** What Helm's rendering has and kustomize's has not, each for a reason. */
function withoutDifferences({ manifest }: Found): { kind: string } {
  // Digests in the names of what is generated: the chart has one of the configuration in the pods, and the gateway
  // notices renewed Secrets.
  const generated = /^(entropyd(?:-credentials|-tls)?)-[a-z0-9]{10}$/;
  const text = JSON.stringify(manifest, (name, value) => {
    if (typeof value === 'string' && generated.test(value)) return value.replace(generated, '$1');
    // Kubernetes' default for an image that has a tag.
    if (name === 'imagePullPolicy' && value === 'IfNotPresent') return undefined;
    if (name === 'checksum/config') return undefined;
    // Helm's labels; the name of the release in the selectors keeps two releases apart.
    if (/^(helm\.sh\/chart|app\.kubernetes\.io\/(instance|managed-by|version))$/.test(name))
      return undefined;
    return value;
  });
  const rest = JSON.parse(text);
  if (rest.spec?.template?.metadata?.annotations) delete rest.spec.template.metadata.annotations;
  // Only the DaemonSet of the manifests has a label of its own.
  delete rest.metadata.labels;
  return rest;
}

const byKind = (found: readonly { kind: string }[]) =>
  [...found].sort((a, b) => a.kind.localeCompare(b.kind));

testWith(helm, 'Helm finds nothing wrong with the chart', async (t, command) => {
  const program = new Helm(command);
  for (const [what, values] of Object.entries(wishes))
    for (const version of kubeVersions) {
      const args = ['lint', '--strict', '--kube-version', version, ...values, folder];
      const { status, stdout, stderr } = program.run(...args);
      t.equal(status, 0, `${what}, ${version}: ${stdout}${stderr}`);
      t.match(stdout, /1 chart\(s\) linted, 0 chart\(s\) failed/);
    }
});

testWith(helm, 'the chart says what the kustomizations say', async (t, command) => {
  if (!kubectl) {
    if (process.env.CI === 'true') t.fail('kubectl is not installed');
    return;
  }
  const program = new Helm(command);
  const copy = t.testdir();
  cpSync(folder, copy, { recursive: true });
  for (const name of ['credentials.toml', 'tls.crt', 'tls.key'])
    writeFileSync(join(copy, 'gateway', name), 'x');
  for (const [mode, namespace] of [
    ['gateway', 'entropyd'],
    ['socket', 'entropyd-socket'],
  ] as const) {
    const { stdout, stderr } = spawnSync('kubectl', ['kustomize', join(copy, mode)], {
      encoding: 'utf8',
    });
    const applied = parseManifests(stdout, stderr || mode)
      // Helm makes a namespace itself, and no Secret.
      .filter(({ manifest }) => manifest.kind !== 'Namespace' && manifest.kind !== 'Secret');
    const rendered = program.rendered(namespace, ['--set', `mode=${mode}`]);
    const [one, other] = [applied, rendered].map((all) => byKind(all.map(withoutDifferences)));
    t.ok((one?.length ?? 0) >= 2);
    t.strictSame(other, one, mode);
  }
});

testWith(helm, 'what it renders keeps to every schema, and to the standard', async (t, command) => {
  const program = new Helm(command);
  const custom = customSchemas();
  const schemaOf = ({ manifest: { apiVersion, kind } }: Found) =>
    custom.get(`${apiVersion} ${kind}`);
  const checked = new Set<string>();
  const own: Found[] = [];
  for (const [what, values] of Object.entries(wishes))
    for (const version of kubeVersions) {
      const all = program.rendered('entropyd', values, version, 'another');
      for (const each of all) {
        const schema = schemaOf(each);
        checked.add(each.manifest.kind);
        if (schema === undefined) own.push(each);
        else t.strictSame(customFaults(schema, each.manifest), [], what);
      }
      const pod = podOf(only(all, 'DaemonSet')) as PodSpec;
      if (!values.includes('mode=socket')) t.strictSame(brokenControls(pod), [], what);
      const { metadata } = only(all, 'DaemonSet');
      t.match(metadata, { name: 'another', namespace: 'entropyd' });
    }
  t.strictSame(await schemaFaults(own), []);
  t.strictSame(unknownMembers(own), []);
  t.strictSame([...checked].sort(), [
    ...['Certificate', 'ConfigMap', 'DaemonSet', 'NetworkPolicy', 'PodDisruptionBudget'],
    ...['PodMonitor', 'PriorityClass', 'Service'],
  ]);
});

testWith(
  helm,
  'the examples for custom resources keep to their schemas, and their checks can fail',
  async (t) => {
    const custom = customSchemas();
    for (const file of ['example-podmonitor.yaml', 'example-certificate.yaml']) {
      const example = parse(readFileSync(join(folder, 'gateway', file), 'utf8'));
      const schema = custom.get(`${example.apiVersion} ${example.kind}`) ?? {};
      t.ok(schema.properties?.spec?.properties, file);
      t.strictSame(customFaults(schema, example), [], file);
      t.match(customFaults(schema, { ...example, spek: 1 }), ['.: spek is unknown']);
      t.match(customFaults(schema, { ...example, spec: undefined }), ['.spec: want object']);
    }
    const certificate = custom.get('cert-manager.io/v1 Certificate') ?? {};
    for (const [spec, fault] of [
      [{ secretName: 7, issuerRef: { name: 'x' } }, '.spec.secretName: want string'],
      [{ secretName: 'x', issuerRef: {} }, '.spec.issuerRef: name is missing'],
      [
        { secretName: 'x', issuerRef: { name: 'x' }, usages: ['all'] },
        '.spec.usages[0]: want one of a list',
      ],
    ] as const)
      t.strictSame(customFaults(certificate, { spec }), [fault]);
  },
);

testWith(helm, 'values arrive where they belong', async (t, command) => {
  const program = new Helm(command);
  const all = program.rendered('entropyd', wishes.everything ?? []);
  const pod = podOf(only(all, 'DaemonSet')) as PodSpec;
  for (const { image, imagePullPolicy } of pod.containers)
    t.strictSame([image, imagePullPolicy], [`registry.example/entropyd@${digest}`, 'Always']);
  t.strictSame(pod.imagePullSecrets, [{ name: 'pull' }]);
  t.strictSame(pod.nodeSelector, { disk: 'ssd', 'kubernetes.io/os': 'linux' });
  t.strictSame(pod.tolerations, [{ operator: 'Exists', key: 'x' }]);
  t.equal(pod.priorityClassName, 'high');
  t.equal(only(all, 'PriorityClass').metadata?.name, 'high');
  t.match(pod.containers, [
    { name: 'daemon', resources: { limits: { memory: '256Mi' } } },
    { name: 'gateway', resources: { limits: { memory: '1Gi' } } },
  ]);
  t.match(
    pod.volumes?.filter(({ secret }) => secret),
    [
      { secret: { secretName: 'keys', defaultMode: 0o440 } },
      { secret: { secretName: 'cert', defaultMode: 0o440 } },
    ],
  );
  t.match(only(all, 'DaemonSet').spec?.template.metadata?.annotations, { note: 'here' });
  t.match(only(all, 'Service'), {
    metadata: { annotations: { a: 'b' } },
    spec: { ports: [{ port: 8478, targetPort: 'https' }] },
  });
  t.match(only(all, 'NetworkPolicy').spec, {
    ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'a' } } }] }],
    egress: [{ ports: [{ port: 443 }] }],
  });
  t.equal(only(all, 'PodDisruptionBudget').spec?.minAvailable, 2);
  const custom = (kind: string) =>
    (
      all.map(({ manifest }) => manifest) as unknown as {
        kind: string;
        spec: object;
        metadata: object;
      }[]
    ).find((each) => each.kind === kind);
  t.match(custom('PodMonitor'), {
    metadata: { labels: { release: 'prometheus' } },
    spec: {
      podMetricsEndpoints: [
        {
          port: 'https',
          tlsConfig: {
            serverName: 'entropyd.entropyd.svc',
            ca: { secret: { name: 'cert', key: 'ca.crt' } },
          },
        },
      ],
    },
  });
  t.match(custom('Certificate')?.spec, {
    secretName: 'cert',
    dnsNames: ['entropyd.entropyd.svc', 'entropyd.entropyd.svc.cluster.local', 'entropy.example'],
    issuerRef: { name: 'ca', kind: 'Issuer' },
  });
  // A new configuration rolls the pods out.
  const checksum = (values: string[]) => {
    const found = program.rendered('entropyd', values);
    const { template } = only(found, 'DaemonSet').spec ?? {};
    return [
      template?.metadata?.annotations?.['checksum/config'],
      only(found, 'ConfigMap').data?.['entropyd.toml'],
    ];
  };
  const [before, shipped] = checksum([]);
  t.equal(shipped, readFileSync(join(folder, 'gateway/entropyd.toml'), 'utf8'));
  const file = join(t.testdir({ toml: '[gateway]\nlisten = ["[::]:8478"]\n' }), 'toml');
  const [after, own] = checksum(['--set-file', `config=${file}`]);
  t.not(after, before);
  t.equal(own, readFileSync(file, 'utf8'));
  const kinds = program
    .rendered('entropyd', wishes['nothing that can be left out'] ?? [])
    .map(({ manifest }: { manifest: Manifest }) => manifest.kind);
  t.strictSame(kinds.sort(), ['ConfigMap', 'DaemonSet', 'Service']);
});

testWith(helm, 'values that make no sense are refused', async (t, command) => {
  const program = new Helm(command);
  for (const [value, why] of [
    ['mode=both', /mode/],
    ['modes=gateway', /'modes' not allowed/],
    ['image.digest=sha256:short', /image\/digest/],
    ['image.repository=', /image\/repository/],
    ['tlsSecret=Not_A_Name', /tlsSecret/],
    ['certificate.enabled=true', /certificate\/issuerRef\/name/],
    ['podDisruptionBudget.minAvailable=50%', /minAvailable/],
    ['podMonitor.interval=often', /podMonitor\/interval/],
    ['networkPolicy.from=', /networkPolicy\/from/],
    ['networkPolicy.from[0]=', /networkPolicy\/from/],
    ['service.port=0', /service\/port/],
    ['hostPath=relative', /hostPath/],
    ['mode=socket,podMonitor.enabled=true', /podMonitor\/enabled/],
  ] as const) {
    const { status, stderr } = program.template('entropyd', ['--set', value]);
    t.equal(status, 1, value);
    t.match(stderr, why, value);
  }
});

testWith(helm, 'names that look like numbers stay names', async (t, command) => {
  const newest = kubeVersions.at(-1) ?? '';
  const args = ['template', '1234', folder, '--namespace', '999', '--kube-version', newest];
  const { status, stdout, stderr } = new Helm(command).run(...args);
  t.equal(status, 0, stderr);
  t.match(stdout, /^ {2}name: "1234"$/m);
  t.notMatch(stdout, /^ *(?:name|namespace|app\.kubernetes\.io\/instance): \d+$/m);
});

t.test('chart, image and package have one version', async (t) => {
  const { version, appVersion } = parse(readFileSync(join(folder, 'Chart.yaml'), 'utf8'));
  const own = JSON.parse(readFileSync(join(folder, '../package.json'), 'utf8')).version;
  t.strictSame([version, appVersion], [own, own]);
});
