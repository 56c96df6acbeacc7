/** Reads the files of kubernetes/ as Kubernetes does, and checks them against its schema. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { IDaemonSet } from 'kubernetes-models/apps/v1';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1';
import type { IPriorityClass } from 'kubernetes-models/scheduling.k8s.io/v1';
import type { IConfigMap, INamespace, IPod, ISecret, IService } from 'kubernetes-models/v1';
import typescript from 'typescript';
import { parseAllDocuments } from 'yaml';

/** kubernetes/ of the repository. */
export const folder = fileURLToPath(new URL('../../../kubernetes/', import.meta.url));

/** The kinds in use. */
export type Manifest =
  | IConfigMap
  | IDaemonSet
  | INamespace
  | INetworkPolicy
  | IPod
  | IPodDisruptionBudget
  | IPriorityClass
  | ISecret
  | IService;

export type PodSpec = NonNullable<IPod['spec']>;

/** A manifest and the file that it is in. */
export interface Found {
  readonly file: string;
  readonly manifest: Manifest;
}

/**
 * Parses all manifests of a text.
 * @param file names the text in error messages
 * @throws Error if it is not YAML 1.2, or has a key twice
 */
export function parseManifests(text: string, file: string): Found[] {
  return parseAllDocuments(text, { merge: false }).map((document) => {
    const [fault] = document.errors;
    if (fault !== undefined) throw new Error(`${file}: ${fault.message}`);
    return { file, manifest: document.toJS() };
  });
}

/** Files that are not Kubernetes' own objects: one for kubectl, and custom resources (helm.ts). */
const others = ['kustomization.yaml', 'example-certificate.yaml', 'example-podmonitor.yaml'];

/** All manifests of a variant. */
export function manifestsOf(variant: 'gateway' | 'socket'): Found[] {
  return readdirSync(join(folder, variant))
    .filter((name) => name.endsWith('.yaml') && !others.includes(name))
    .flatMap((name) => {
      const file = join(variant, name);
      return parseManifests(readFileSync(join(folder, file), 'utf8'), file);
    });
}

/** The only manifest of a kind. */
export function only<K extends Manifest['kind']>(
  found: readonly Found[],
  kind: K,
  name?: string,
): Extract<Manifest, { kind: K }> {
  const of = found
    .map(({ manifest }) => manifest)
    .filter((each) => each.kind === kind && (name === undefined || each.metadata?.name === name));
  if (of.length !== 1) throw new Error(`${of.length} of kind ${kind}, want 1`);
  return of[0] as Extract<Manifest, { kind: K }>;
}

/** The spec of a pod, or of the pod template of a workload. */
export function podOf(manifest: Manifest): PodSpec | undefined {
  if (manifest.kind === 'Pod') return manifest.spec;
  return manifest.kind === 'DaemonSet' ? manifest.spec?.template.spec : undefined;
}

/** The group of `apps/v1`; the core group has no name: `v1`. */
const moduleOf = ({ apiVersion }: Manifest) => `kubernetes-models/${apiVersion}`;

/**
 * Faults by the OpenAPI schema of Kubernetes: wrong types, missing members, formats.
 * @returns a line for each
 */
export async function schemaFaults(found: readonly Found[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { file, manifest } of found) {
    const models = await import(moduleOf(manifest)).catch(() => ({}));
    const Model = models[manifest.kind];
    if (Model === undefined) {
      faults.push(`${file}: there is no ${manifest.kind} in ${manifest.apiVersion}`);
      continue;
    }
    try {
      new Model(manifest).validate();
    } catch (error) {
      faults.push(`${file}: ${(error as Error).message}`);
    }
  }
  return faults;
}

/**
 * Unknown members, which the schema accepts and `kubectl apply` with strict field validation refuses.
 * The TypeScript compiler finds them: an object literal may have only the members of its type.
 * @returns a line for each
 */
export function unknownMembers(found: readonly Found[]): string[] {
  const name = join(folder, 'manifests.ts');
  const text = found
    .map(
      ({ manifest }, i) =>
        `const m${i}: import('${moduleOf(manifest)}').I${manifest.kind} = ${JSON.stringify(manifest)};`,
    )
    .join('\n');
  const options: typescript.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    module: typescript.ModuleKind.ESNext,
    moduleResolution: typescript.ModuleResolutionKind.Bundler,
  };
  const host = typescript.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  host.getSourceFile = (each, ...rest) =>
    each === name
      ? typescript.createSourceFile(each, text, typescript.ScriptTarget.ESNext)
      : read(each, ...rest);
  const program = typescript.createProgram([name], options, host);
  return typescript.getPreEmitDiagnostics(program).map(({ messageText, file, start = 0 }) => {
    const line = file?.getLineAndCharacterOfPosition(start).line ?? 0;
    return `${found[line]?.file}: ${typescript.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}
