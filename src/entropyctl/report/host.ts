/** The facts about a host that a reviewer of its noise wants to know. */
import { readFileSync } from 'node:fs';
import { arch, cpus, hostname, loadavg, release, version } from 'node:os';
import { version as ownVersion } from '../../common/package.js';

export interface HostFacts {
  hostname: string;
  /** Model as the kernel names it; family, model number and stepping with it. */
  cpu: string;
  cpus: number;
  microcode: string;
  architecture: string;
  kernel: string;
  /** What the kernel takes the time from; CPU jitter depends on it. */
  clockSource: string;
  /** The driver behind /dev/hwrng. */
  hwrngDriver: string;
  /** A hypervisor runs this kernel, as the CPU says. */
  virtualized: boolean;
  /** Load averages of 1, 5 and 15 minutes. */
  load: number[];
  entropyd: string;
  node: string;
  openssl: string;
}

/** Reads a file of /proc or /sys; `''` if there is none. */
export type ReadText = (path: string) => string;

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '';
  }
};

/**
 * @param read for tests
 * @returns facts; a text is empty if the host does not tell
 */
export function hostFacts(read: ReadText = readText): HostFacts {
  const info = read('/proc/cpuinfo');
  const field = (name: string) =>
    new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(info)?.[1]?.trim() ?? '';
  const numbers = (['cpu family', 'model', 'stepping'] as const)
    .map((name) => [name, field(name)])
    .filter(([, value]) => value !== '')
    .map((pair) => pair.join(' '));
  const model = field('model name') || field('CPU part') || cpus()[0]?.model || '';
  return {
    hostname: hostname(),
    cpu: [model, ...numbers].filter((part) => part !== '').join(', '),
    cpus: cpus().length,
    microcode: field('microcode'),
    architecture: arch(),
    kernel: `${release()} ${version()}`,
    clockSource: read('/sys/devices/system/clocksource/clocksource0/current_clocksource'),
    hwrngDriver: read('/sys/class/misc/hw_random/rng_current'),
    virtualized: field('flags').split(' ').includes('hypervisor'),
    load: loadavg(),
    entropyd: ownVersion,
    node: process.versions.node,
    openssl: process.versions.openssl,
  };
}
