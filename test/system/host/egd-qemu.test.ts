/** A virtual machine under QEMU reads its /dev/hwrng, through virtio-rng and rng-egd, from the daemon. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { connect } from '../../../src/index.js';
import { freePath } from '../../support/paths.js';
import { Program, startDaemonProgram } from '../../support/program.js';
import { until } from '../../support/until.js';
import { missing } from '../debian/deb.js';

const qemu = 'qemu-system-x86_64';
const script = fileURLToPath(new URL('egd-guest.sh', import.meta.url));

/** It boots in 10 s on an idle host. */
const wholeMs = 600_000;
const patience = { limitMs: 300_000, pollMs: 50 };

t.setTimeout(wholeMs);

function impossible(): string | undefined {
  if (process.arch !== 'x64') return 'the guest is for x86-64';
  const [name] = missing([qemu, 'busybox', 'apt-get', 'dpkg-deb', 'flock']);
  return name === undefined ? undefined : `${name} is not installed`;
}

/** Starts a daemon whose EGD socket is `egd`. */
async function startDaemon(t: Test, egd: string) {
  const daemon = await startDaemonProgram(t, ['--egd-socket', egd]);
  const client = connect({ socketPath: daemon.path });
  const metric = async (name: string) => {
    const page = await client.metrics();
    return Number(new RegExp(`^${name}\\{protocol="egd"\\} (\\d+)$`, 'm').exec(page)?.[1]);
  };
  return {
    open: () => metric('entropyd_protocol_connections_open'),
    served: () => metric('entropyd_protocol_random_bytes_total'),
    async end() {
      await client.close();
      await daemon.kill('SIGTERM');
    },
  };
}

/** Boots the guest. @returns reads bytes of its /dev/hwrng */
async function startGuest(t: Test, egd: string): Promise<(size: number) => Promise<string>> {
  const { stdout, stderr, status } = spawnSync(script, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`no guest: ${stderr}`);
  const folder = stdout.trim();
  const path = freePath();
  const server = createServer().listen(path);
  t.teardown(() => server.close());
  await once(server, 'listening');
  const connection = once(server, 'connection');
  const args = [
    ...['-nodefaults', '-display', 'none', '-no-reboot', '-machine', 'q35', '-m', '128'],
    ...['-accel', 'tcg', '-kernel', join(folder, 'vmlinuz'), '-initrd', join(folder, 'initrd')],
    // Quality 0: no thread of the kernel reads the device beside the test.
    ...['-append', 'console=ttyS0 panic=-1 tsc=reliable rng_core.default_quality=0'],
    ...['-serial', 'stdio', '-chardev', `socket,id=line,path=${path}`, '-serial', 'chardev:line'],
    ...['-chardev', `socket,id=entropyd,path=${egd},reconnect=1`],
    ...['-object', 'rng-egd,chardev=entropyd,id=rng0'],
    ...['-device', 'virtio-rng-pci,rng=rng0,max-bytes=65536,period=20000'],
  ];
  const machine = new Program(t, args, { script: `exec ${qemu} "$0" "$@" </dev/null` });
  const over = machine.ended.then(({ status, signal, stdout, stderr }) => {
    throw new Error(`the machine ended: ${status ?? signal} ${stderr} ${stdout.slice(-2000)}`);
  });
  over.catch(() => {});
  const [line] = (await Promise.race([connection, over])) as [Socket];
  line.on('error', () => {});
  const lines: string[] = [];
  createInterface({ input: line }).on('line', (text) => lines.push(text));
  const next = async (wanted: RegExp) =>
    Promise.race([
      until(() => lines.splice(0).find((text) => wanted.test(text)), `${wanted}`, patience),
      over,
    ]);
  await next(/^ready/);
  return async (size) => {
    line.write(`${size}\n`);
    return (await next(/^got /)).slice('got '.length).trim();
  };
}

const reason = impossible();
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`a virtual machine: ${reason}`);
  else t.plan(0, `no virtual machine: ${reason}`);
} else
  t.test('a guest reads the daemon’s bytes, and those of the next daemon', async (t) => {
    // The page of metrics is a second old at most; the guest keeps some bytes from before.
    const served = (daemon: Awaited<ReturnType<typeof startDaemon>>) =>
      until(async () => (await daemon.served()) >= 2048, 'bytes of this daemon', patience);
    const egd = freePath();
    const first = await startDaemon(t, egd);
    const read = await startGuest(t, egd);
    const before = [await read(4096), await read(64)];
    t.match(before, [/^[0-9a-f]{8192}$/, /^[0-9a-f]{128}$/]);
    await served(first);
    t.equal(await first.open(), 1);
    await first.end();
    const second = await startDaemon(t, egd);
    await until(async () => (await second.open()) === 1, 'QEMU connects again', patience);
    const after = await read(4096);
    t.match(after, /^[0-9a-f]{8192}$/, 'it goes on');
    await served(second);
    // Probability of a false alarm: 2^-500 and less.
    t.equal(new Set([before[1], after.slice(0, 128), after.slice(-128)]).size, 3, 'none twice');
    await second.end();
  });
