/** A node without a cluster: podman runs the pods, and this plays the kubelet's part. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { stringify } from 'yaml';
import { until } from '../../support/until.js';
import { type Found, folder as manifests, type PodSpec, parseManifests } from './manifests.js';

const script = fileURLToPath(new URL('node.sh', import.meta.url));
const asker = fileURLToPath(new URL('ask.mjs', import.meta.url));
const commandMs = 120_000;
const untilMs = 60_000;
const pollMs = 200;

/** The image's name in the archive. */
export const image = 'localhost/entropyd';

/** Why no node can be started here; undefined if one can. */
export function impossible(): string | undefined {
  const { status, stdout } = spawnSync(script, ['possible'], { encoding: 'utf8' });
  return status === 0 ? undefined : stdout.trim();
}

type Volume = NonNullable<PodSpec['volumes']>[number];

export class Node {
  readonly #folder: string;
  #versions = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Starts a node until the test ends.
   * @param archive the image
   */
  static start(t: Test, archive: string): Node {
    const folder = mkdtempSync(join(tmpdir(), 'entropyd-node-'));
    const node = new Node(folder);
    node.#ok(['start', folder]);
    t.teardown(() => {
      spawnSync(script, ['stop', folder]);
      rmSync(folder, { recursive: true, force: true });
    });
    node.#podman('load', '--quiet', '--input', archive);
    return node;
  }

  #run(args: readonly string[], input?: string): SpawnSyncReturns<string> {
    return spawnSync(script, args, { encoding: 'utf8', timeout: commandMs, input });
  }

  #ok(args: readonly string[], input?: string): SpawnSyncReturns<string> {
    const result = this.#run(args, input);
    if (result.status !== 0)
      throw new Error(`${args.join(' ')}: ${result.status}\n${result.stdout}${result.stderr}`);
    return result;
  }

  /** Runs podman; the caller checks its exit code. */
  podman(...args: readonly string[]): SpawnSyncReturns<string> {
    return this.#run(['podman', this.#folder, ...args]);
  }

  #podman(...args: readonly string[]): SpawnSyncReturns<string> {
    return this.#ok(['podman', this.#folder, ...args]);
  }

  /** What `kubectl apply -k` would send, from kubectl itself. */
  kustomize(
    variant: 'gateway' | 'socket',
    secrets: Readonly<Record<string, string>> = {},
  ): Found[] {
    const copy = join(this.#folder, 'kustomize', variant);
    cpSync(join(manifests, variant), copy, { recursive: true });
    for (const [name, text] of Object.entries(secrets)) writeFileSync(join(copy, name), text);
    const { stdout } = this.#ok(['run', this.#folder, 'kubectl', 'kustomize', copy]);
    const found = parseManifests(stdout, variant);
    // Base64 comes in lines. Kubernetes (Go's encoding/base64) accepts that, the schema's format does not.
    for (const { manifest } of found)
      if (manifest.kind === 'Secret' && manifest.data !== undefined)
        for (const [name, value] of Object.entries(manifest.data))
          manifest.data[name] = value.replaceAll('\n', '');
    return found;
  }

  /** A folder of the node, in memory like /run. */
  path(name: string): string {
    return join(this.#folder, 'kubelet', name);
  }

  /**
   * Puts files into a volume as a kubelet's atomic writer does, the first time or again: owned by
   * root with the pod's group, behind a symbolic link that is replaced.
   */
  writeVolume(
    name: string,
    data: Readonly<Record<string, Buffer>>,
    mode: number,
    fsGroup: number | undefined,
  ): void {
    const version = `..${++this.#versions}`;
    const where = this.path(name);
    const lines = Object.entries(data).flatMap(([file, bytes]) => [
      `base64 -d >${version}/${file} <<<${bytes.toString('base64')}`,
      `chmod ${mode.toString(8)} ${version}/${file}`,
      `ln -sfn ..data/${file} ${file}`,
    ]);
    const text = [
      ...[`mkdir -p ${where}`, `cd ${where}`, `mkdir ${version}`],
      ...lines,
      ...(fsGroup === undefined ? [] : [`chgrp -R ${fsGroup} . ; chmod g+s . ${version}`]),
      `ln -sfn ${version} ..new; mv -T ..new ..data`,
    ];
    this.sh(text.join('\n'));
  }

  /** Runs a command beside the pods, as root; the caller checks its exit code. */
  run(...command: readonly string[]): SpawnSyncReturns<string> {
    return this.#run(['run', this.#folder, ...command]);
  }

  /** Runs a script beside the pods, as root. */
  sh(text: string): string {
    return this.#ok(['run', this.#folder, 'bash', '-ec', text]).stdout.trim();
  }

  /** Where Docker's clients find podman, until the node ends. */
  async dockerHost(): Promise<string> {
    const path = this.path('podman.sock');
    this.sh(`podman system service --time 0 unix://${path} >/dev/null 2>&1 &`);
    await until(() => this.run('test', '-S', path).status === 0, path);
    return `unix://${path}`;
  }

  /** A volume that podman mounts unchanged. */
  #volume(found: readonly Found[], pod: string, volume: Volume, fsGroup?: number): Volume {
    const { name, hostPath, configMap, secret, emptyDir } = volume;
    const path = this.path(`${pod}-${name}`);
    if (hostPath !== undefined) {
      const own = this.path(hostPath.path.replaceAll('/', '_'));
      if (hostPath.type === 'DirectoryOrCreate') this.sh(`mkdir -p -m 755 ${own}`);
      return { name, hostPath: { path: own, type: 'Directory' } };
    }
    if (emptyDir !== undefined)
      this.sh(`mkdir -p ${path}; chgrp ${fsGroup ?? 0} ${path}; chmod 2777 ${path}`);
    const source = found
      .map(({ manifest }) => manifest)
      .find(
        (each) =>
          each.metadata?.name === (configMap?.name ?? secret?.secretName) &&
          each.kind === (secret === undefined ? 'ConfigMap' : 'Secret'),
      );
    if (source !== undefined && 'data' in source) {
      const encoding = secret === undefined ? 'utf8' : 'base64';
      const data = Object.entries(source.data ?? {}).map(
        ([file, text]) => [file, Buffer.from(text, encoding)] as const,
      );
      const mode = secret?.defaultMode ?? configMap?.defaultMode ?? 0o644;
      this.writeVolume(`${pod}-${name}`, Object.fromEntries(data), mode, fsGroup);
    }
    return { name, hostPath: { path, type: 'Directory' } };
  }

  /**
   * Runs a pod with its own settings, after its init containers. Podman does not handle probes,
   * `preStop` or the sources of volumes; the pod's only network is its loopback.
   */
  runPod(found: readonly Found[], name: string, spec: PodSpec): void {
    const { initContainers = [], containers, volumes = [], securityContext } = spec;
    const mounted = volumes.map((each) =>
      this.#volume(found, name, each, securityContext?.fsGroup),
    );
    for (const each of initContainers) {
      const first = `${name}-first`;
      this.#play(first, { ...spec, containers: [each], restartPolicy: 'Never', volumes: mounted });
      const { stdout } = this.#podman('wait', `${first}-${each.name}`);
      if (stdout.trim() !== '0') throw new Error(`${each.name} ended with ${stdout}`);
      this.#podman('pod', 'rm', '--force', first);
    }
    this.#play(name, { ...spec, containers, volumes: mounted });
  }

  #play(name: string, { initContainers: _, containers, ...rest }: PodSpec): void {
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        ...rest,
        containers: containers.map(
          ({ startupProbe, livenessProbe, readinessProbe, lifecycle, ports, ...each }) => ({
            ...each,
            image,
            imagePullPolicy: 'Never',
            command: each.command?.map((word) => word.replace('$(POD_IP)', '127.0.0.1')),
            env: [],
          }),
        ),
      },
    };
    const file = join(this.#folder, `${name}.yaml`);
    writeFileSync(file, stringify(pod, { aliasDuplicateObjects: false }));
    this.#podman('play', 'kube', '--network', 'none', file);
  }

  /** A property of a container. */
  inspect(container: string, format: string): string {
    return this.#podman('inspect', '--format', format, container).stdout.trim();
  }

  /** Runs a command in a container, as `kubectl exec` and a kubelet's probe do. */
  exec(container: string, ...command: readonly string[]): SpawnSyncReturns<string> {
    return this.podman('exec', container, ...command);
  }

  /** Runs JavaScript in a container: its image has no other program that could look around. */
  js(container: string, code: string): SpawnSyncReturns<string> {
    return this.exec(container, 'node', '-e', code);
  }

  /** Asks from inside a pod's network, with ask.mjs. @returns its JSON, or standard error */
  ask(container: string, authority: string, ...words: readonly (string | number)[]): unknown {
    const pid = this.inspect(container, '{{.State.Pid}}');
    const environment = `NODE_EXTRA_CA_CERTS=${authority}`;
    const enter = ['nsenter', '--target', pid, '--net', '--', 'env', environment];
    const command = [...enter, process.execPath, asker, ...words.map(String)];
    const { status, stdout, stderr } = this.#run(['run', this.#folder, ...command]);
    return status === 0 ? JSON.parse(stdout) : stderr;
  }

  /**
   * Resolves when `condition` is true.
   * @throws Error with the end of the container's log if it stays false
   */
  async until(container: string, what: string, condition: () => boolean): Promise<void> {
    await until(condition, what, { limitMs: untilMs, pollMs }).catch((error) => {
      const { stdout, stderr } = this.podman('logs', '--tail', '20', container);
      throw new Error(`${error.message}\n${stdout}${stderr}`);
    });
  }
}
