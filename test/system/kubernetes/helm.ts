/** Helm, and the schemas of custom resources, from the modules of Go in pinned versions. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { cacheFolder } from '../interop/installed.js';
import { folder as chart, type Found, parseManifests } from './manifests.js';

const helmModule = 'helm.sh/helm/v3/cmd/helm@v3.22.0';

/** Longest that Go may take to compile it on a busy machine. */
const buildMs = 840_000;

const commandMs = 120_000;

/** The versions of Kubernetes that the chart is rendered for: the oldest it supports, and a recent one. */
export const kubeVersions = ['1.26.0', '1.34.0'] as const;

/** Helm's program; undefined: there is no Go to build it with. Built once for each version. */
export function findHelm(): string | undefined {
  const folder = cacheFolder(helmModule);
  const helm = join(folder, 'helm');
  if (!existsSync(helm) && process.env.CI === 'true') {
    const env = { ...process.env, GOBIN: folder };
    const args = ['install', '-ldflags=-s -w', helmModule];
    spawnSync('go', args, { env, stdio: 'inherit', timeout: buildMs });
  }
  return existsSync(helm) ? helm : undefined;
}

/** Runs Helm on the chart, without anything of the user's. */
export class Helm {
  readonly #helm: string;
  readonly #home = mkdtempSync(join(tmpdir(), 'entropyd-helm-'));

  constructor(helm: string) {
    this.#helm = helm;
    t.teardown(() => rmSync(this.#home, { recursive: true, force: true }));
  }

  /** The caller checks the exit code. */
  run(...args: readonly string[]): SpawnSyncReturns<string> {
    const env = { PATH: '/usr/bin:/bin', HOME: this.#home };
    return spawnSync(this.#helm, args, { encoding: 'utf8', timeout: commandMs, env });
  }

  /** Renders the chart. @param args values; the caller checks the exit code */
  template(
    namespace: string,
    args: readonly string[],
    kubeVersion: string = kubeVersions[1],
    name = 'entropyd',
  ): SpawnSyncReturns<string> {
    const where = ['--namespace', namespace, '--kube-version', kubeVersion];
    return this.run('template', name, chart, ...where, ...args);
  }

  /** What a rendering holds. @throws Error with Helm's message if it refuses */
  rendered(...args: Parameters<Helm['template']>): Found[] {
    const { status, stdout, stderr } = this.template(...args);
    if (status !== 0) throw new Error(stderr);
    return parseManifests(stdout, `helm template ${args[1].join(' ')}`);
  }
}

/** A custom resource: the module that has its definition, and the file there. */
interface Definition {
  readonly kind: string;
  readonly module: string;
  readonly file: string;
}

const definitions: readonly Definition[] = [
  {
    kind: 'PodMonitor',
    module: 'github.com/prometheus-operator/prometheus-operator@v0.85.0',
    file: 'example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml',
  },
  {
    kind: 'Certificate',
    module: 'github.com/cert-manager/cert-manager@v1.21.2',
    file: 'deploy/crds/cert-manager.io_certificates.yaml',
  },
];

/** A structural schema of apiextensions.k8s.io/v1, as far as these definitions have it. */
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly minItems?: number;
  readonly 'x-kubernetes-int-or-string'?: boolean;
}

/** The schemas of custom resources by `APIVERSION KIND`. @throws Error if Go does not fetch a module */
export function customSchemas(): ReadonlyMap<string, Schema> {
  return new Map(
    definitions.map(({ kind, module, file }) => {
      const args = ['mod', 'download', '-json', module];
      const { stdout } = spawnSync('go', args, { encoding: 'utf8', timeout: buildMs });
      const { Dir } = JSON.parse(stdout);
      const { spec } = parse(readFileSync(join(Dir, file), 'utf8'));
      const [{ name, schema }] = spec.versions.filter((each: { served: boolean }) => each.served);
      return [`${spec.group}/${name} ${kind}`, schema.openAPIV3Schema as Schema];
    }),
  );
}

/** The type of a JSON value, as schemas name it. */
const typeOf = (value: unknown) =>
  Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;

/**
 * Where a value breaks a schema, unknown members included.
 * @returns a line for each
 */
export function customFaults(schema: Schema, value: unknown, path = ''): string[] {
  const { type, properties, required = [], items, additionalProperties } = schema;
  const fault = (text: string) => [`${path || '.'}: ${text}`];
  if (schema['x-kubernetes-int-or-string'])
    return ['number', 'string'].includes(typeof value) ? [] : fault('want a number or text');
  const isType =
    type === 'integer' ? Number.isInteger(value) : type === undefined || typeOf(value) === type;
  if (!isType) return fault(`want ${type}`);
  if (schema.enum !== undefined && !schema.enum.includes(value)) return fault('want one of a list');
  if (typeof value === 'string') {
    if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value))
      return fault(`want ${schema.pattern}`);
    return value.length < (schema.minLength ?? 0) ? fault('too short') : [];
  }
  if (typeof value === 'number') return value < (schema.minimum ?? value) ? fault('too small') : [];
  if (Array.isArray(value))
    return [
      ...(value.length < (schema.minItems ?? 0) ? fault('too few') : []),
      ...value.flatMap((each, i) => customFaults(items ?? {}, each, `${path}[${i}]`)),
    ];
  if (typeOf(value) !== 'object') return [];
  const members = value as Readonly<Record<string, unknown>>;
  return [
    ...required.filter((name) => !(name in members)).flatMap((name) => fault(`${name} is missing`)),
    ...Object.entries(members).flatMap(([name, each]) => {
      // An object's own metadata has no schema in its definition.
      if (path === '' && name === 'metadata') return [];
      const known = properties?.[name] ?? additionalProperties;
      return known === undefined
        ? fault(`${name} is unknown`)
        : customFaults(known, each, `${path}.${name}`);
    }),
  ];
}
