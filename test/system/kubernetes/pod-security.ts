/**
 * The restricted Pod Security Standard as a table; it includes the baseline
 * (Kubernetes documentation, Concepts, Security, Pod Security Standards).
 */
import type { PodSpec } from './manifests.js';

type Container = PodSpec['containers'][number];
type Volume = NonNullable<PodSpec['volumes']>[number];

const containersOf = (pod: PodSpec): Container[] => [
  ...(pod.initContainers ?? []),
  ...pod.containers,
  ...((pod.ephemeralContainers ?? []) as unknown as Container[]),
];

/** Whether each container, or the pod on its behalf, has an accepted value. */
function everywhere<T>(
  pod: PodSpec,
  own: (container: Container) => T | undefined,
  podWide: T | undefined,
  good: (value: T | undefined) => boolean,
): boolean {
  return containersOf(pod).every((container) => good(own(container) ?? podWide));
}

const nobody = (pod: PodSpec, bad: (container: Container) => boolean) =>
  !containersOf(pod).some(bad);

const volumeTypes = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

const typesOf = ({ name: _, ...types }: Volume) => Object.keys(types);

const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
]);

const selinuxTypes = new Set<string | undefined>([
  undefined,
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
]);

const securedBy = (pod: PodSpec) => [
  pod.securityContext,
  ...containersOf(pod).map(({ securityContext }) => securityContext),
];

/** Each control by its name in the standard, with a function: whether a pod keeps to it. */
const controls: readonly (readonly [control: string, kept: (pod: PodSpec) => boolean])[] = [
  // Baseline.
  [
    'HostProcess',
    (pod) => securedBy(pod).every((context) => context?.windowsOptions?.hostProcess !== true),
  ],
  ['Host Namespaces', (pod) => !pod.hostNetwork && !pod.hostPID && !pod.hostIPC],
  [
    'Privileged Containers',
    (pod) => nobody(pod, ({ securityContext }) => securityContext?.privileged === true),
  ],
  [
    'HostPath Volumes',
    (pod) => (pod.volumes ?? []).every(({ hostPath }) => hostPath === undefined),
  ],
  ['Host Ports', (pod) => nobody(pod, ({ ports = [] }) => ports.some(({ hostPort }) => hostPort))],
  [
    'AppArmor',
    (pod) =>
      securedBy(pod).every((context) =>
        [undefined, 'RuntimeDefault', 'Localhost'].includes(context?.appArmorProfile?.type),
      ),
  ],
  [
    'SELinux',
    (pod) =>
      securedBy(pod).every((context) => {
        const { type, user = '', role = '' } = context?.seLinuxOptions ?? {};
        return selinuxTypes.has(type) && user === '' && role === '';
      }),
  ],
  [
    '/proc Mount Type',
    (pod) =>
      nobody(
        pod,
        ({ securityContext }) => ![undefined, 'Default'].includes(securityContext?.procMount),
      ),
  ],
  [
    'Sysctls',
    (pod) => (pod.securityContext?.sysctls ?? []).every(({ name }) => safeSysctls.has(name)),
  ],
  // Restricted.
  [
    'Volume Types',
    (pod) =>
      (pod.volumes ?? []).every((volume) => typesOf(volume).every((type) => volumeTypes.has(type))),
  ],
  [
    'Privilege Escalation',
    (pod) =>
      nobody(pod, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false),
  ],
  [
    'Running as Non-root',
    (pod) =>
      everywhere(
        pod,
        ({ securityContext }) => securityContext?.runAsNonRoot,
        pod.securityContext?.runAsNonRoot,
        (value) => value === true,
      ),
  ],
  [
    'Running as Non-root user',
    (pod) => securedBy(pod).every((context) => context?.runAsUser !== 0),
  ],
  [
    'Seccomp',
    (pod) =>
      everywhere(
        pod,
        ({ securityContext }) => securityContext?.seccompProfile?.type,
        pod.securityContext?.seccompProfile?.type,
        (type) => type === 'RuntimeDefault' || type === 'Localhost',
      ),
  ],
  [
    'Capabilities',
    (pod) =>
      nobody(pod, ({ securityContext }) => {
        const { drop = [], add = [] } = securityContext?.capabilities ?? {};
        return !drop.includes('ALL') || add.some((name) => name !== 'NET_BIND_SERVICE');
      }),
  ],
];

/** The names of the controls that a pod breaks, in the order of the standard. */
export function brokenControls(pod: PodSpec): string[] {
  return controls.filter(([, kept]) => !kept(pod)).map(([name]) => name);
}

/** The names of all controls. */
export const controlNames: readonly string[] = controls.map(([name]) => name);
