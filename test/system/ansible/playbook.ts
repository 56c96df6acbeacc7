/** Runs the Ansible role against a test machine, and tells what it changed. */
import { execFile, execFileSync } from 'node:child_process';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { temporaryFolder } from '../../support/paths.js';
import type { Machine } from '../systemd/machine.js';

const roles = fileURLToPath(new URL('../../../ansible/roles', import.meta.url));
const ssh = fileURLToPath(new URL('ssh.sh', import.meta.url));

/** Longest run of a playbook on a busy machine, ms. */
const playMs = 300_000;

/** What a failed run shows of its output, characters. */
const failureSize = 2_000;

/** One run of a playbook. */
export interface Play {
  /** 0 if no task failed. */
  status: number;
  output: string;
  /** Tasks and handlers that changed the machine, or would have in check mode. */
  changed: string[];
}

/** What Ansible's own programs find besides this process's environment. */
const environment = {
  ...process.env,
  LC_ALL: 'C.UTF-8',
  HOME: temporaryFolder(),
  ANSIBLE_HOME: join(temporaryFolder(), 'ansible'),
  ANSIBLE_NOCOLOR: '1',
  ANSIBLE_PIPELINING: '1',
  ANSIBLE_ROLES_PATH: roles,
  ANSIBLE_SSH_TRANSFER_METHOD: 'piped',
};

/**
 * A folder as a release has it: packages, SHA256SUMS and its signature.
 * @returns the folder, and the public key's file
 */
export function releaseOf(packages: readonly string[]): { folder: string; key: string } {
  const folder = join(temporaryFolder(), 'release');
  mkdirSync(folder);
  const sums = packages.map((path) => {
    cpSync(path, join(folder, basename(path)));
    return `${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${basename(path)}\n`;
  });
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const key = join(temporaryFolder(), 'release.pem');
  writeFileSync(key, publicKey.export({ type: 'spki', format: 'pem' }));
  writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
  writeFileSync(join(folder, 'SHA256SUMS.sig'), sign(null, Buffer.from(sums.join('')), privateKey));
  return { folder, key };
}

/** The playbook of docs/install.md, and an inventory with the machine. */
function written(): string[] {
  const [inventory, playbook] = ['hosts.json', 'entropyd.yml'].map((name) =>
    join(temporaryFolder(), name),
  ) as [string, string];
  const host = {
    ansible_connection: 'ssh',
    ansible_ssh_executable: ssh,
    ansible_ssh_args: '',
    ansible_python_interpreter: '/usr/bin/python3',
  };
  writeFileSync(inventory, JSON.stringify({ all: { hosts: { machine: host } } }));
  writeFileSync(
    playbook,
    '- hosts: all\n  become: false\n  gather_facts: false\n  roles: [entropyd]\n',
  );
  return ['--inventory', inventory, playbook];
}

/** The names of the tasks whose result is `changed`. */
function changedTasks(output: string): string[] {
  const sections = output.split(/^(?:TASK|RUNNING HANDLER) \[entropyd : /m).slice(1);
  return sections
    .filter((section) => /^changed: /m.test(section))
    .map((section) => section.slice(0, section.indexOf(']')));
}

/**
 * Runs the role.
 * @param variables of the role
 * @param args options of ansible-playbook
 */
export function play(
  t: Test,
  machine: Machine,
  variables: Record<string, unknown>,
  ...args: string[]
): Promise<Play> {
  const all = [...written(), '--extra-vars', JSON.stringify(variables), ...args];
  const env = { ...environment, ENTROPYD_TEST_MACHINE: machine.enter.join(' ') };
  return new Promise((resolve) =>
    execFile('ansible-playbook', all, { env, timeout: playMs }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      if (status !== 0) t.comment(stdout.slice(-failureSize), stderr);
      resolve({ status, output: stdout + stderr, changed: changedTasks(stdout) });
    }),
  );
}

/** Runs ansible-lint over the role, without a network. @throws Error with its findings */
export function lint(): string {
  return execFileSync('ansible-lint', ['--offline', '--nocolor', join(roles, 'entropyd')], {
    env: environment,
    cwd: join(roles, '..'),
    encoding: 'utf8',
  });
}
