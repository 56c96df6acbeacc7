import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import {
  type Addon,
  constructions,
  loadAddon,
  type NativeGenerator,
  type NativeOptions,
  NativeResult,
  type NativeSnapshot,
  packageRoot,
  sourceStates,
  version,
} from '../../src/common/package.js';
import { socketPair } from '../support/daemon.js';
import { freePath, temporaryFolder } from '../support/paths.js';

t.test('version and directory are those of package.json', async (t) => {
  const url = new URL('../../package.json', import.meta.url);
  t.equal(version, JSON.parse(readFileSync(url, 'utf8')).version);
  t.equal(packageRoot, dirname(fileURLToPath(url)));
});

const loaded = loadAddon();
const addon = loaded.addon as Addon;
const maxAllocation = 16 * 1024 * 1024;

/** A generator without devices, until the test ends. */
function makeGenerator(
  t: Test,
  onTransition: ConstructorParameters<Addon['Generator']>[1] = () => {},
): NativeGenerator {
  const options: NativeOptions = {
    profile: 'default',
    reseedRequests: 10,
    reseedSeconds: 10,
    devices: [],
  };
  const generator = new addon.Generator(options, onTransition, () => {});
  t.teardown(() => generator.close());
  return generator;
}

t.test('the addon of this package loads, and exports what package.ts declares', async (t) => {
  t.equal(loaded.reason, undefined);
  t.strictSame(Object.keys(addon).sort(), [
    'Generator',
    'Poller',
    'allocate',
    'assess',
    'builtInSources',
    'describeSource',
    'groupId',
    'harden',
    'peerCredentials',
    'readSource',
    'send',
    'sendDatagram',
    'socketPath',
    'wipe',
  ]);
  t.strictSame(Object.getOwnPropertyNames(addon.Generator.prototype).sort(), [
    'arrive',
    'close',
    'constructor',
    'generate',
    'generateResistant',
    'mix',
    'poll',
    'readNoise',
    'reason',
    'reseed',
    'respond',
    'selfTest',
    'snapshot',
  ]);
  t.strictSame(Object.getOwnPropertyNames(addon.Poller.prototype).sort(), [
    'close',
    'constructor',
    'end',
    'open',
    'poll',
  ]);
});

t.test('the reason for a missing addon is one line', async (t) => {
  const empty = join(temporaryFolder(), 'empty');
  const broken = join(temporaryFolder(), 'broken');
  mkdirSync(empty);
  mkdirSync(join(broken, 'build', 'Release'), { recursive: true });
  writeFileSync(join(broken, 'build', 'Release', 'entropyd.node'), 'no shared object\n');
  for (const [root, reason] of [
    [empty, /^No native build was found for platform=/],
    [broken, /entropyd\.node: (file too short|invalid ELF header)/],
    [join(empty, 'none'), /^No native build was found/],
  ] as const) {
    const { addon: none, reason: said = '' } = loadAddon(root);
    t.equal(none, undefined);
    t.match(said, reason);
    t.notMatch(said, /\n/);
  }
});

t.test('a snapshot has the declared shape', async (t) => {
  const states: string[] = [];
  const generator = makeGenerator(t, (state) => states.push(state));
  const snapshot: NativeSnapshot = generator.snapshot();
  t.strictSame(Object.keys(snapshot).sort(), [
    'construction',
    'memoryLocked',
    'reason',
    'requestsSinceReseed',
    'reseeds',
    'secondsSinceReseed',
    'sources',
    'state',
  ]);
  t.equal(states[0], snapshot.state, 'the transition came before the constructor returned');
  t.ok(['', ...constructions].includes(snapshot.construction), snapshot.construction);
  t.match(snapshot.reason, /^$|^(not )?serving\b/);
  t.strictSame(
    snapshot.sources.map(({ name }) => name),
    ['rdseed', 'rndrrs', 'jitter', 'rdrand', 'getrandom'],
  );
  for (const source of snapshot.sources) {
    t.match(source, {
      name: String,
      // It depends on this host's hardware, and on what others do with it.
      state: new RegExp(`^(${sourceStates.join('|')})$`),
      secondsInState: Number,
      physical: Boolean,
      testedBitsPerByte: Number,
      creditedBitsPerByte: Number,
      bytes: Number,
      reads: Number,
      retries: Number,
      alarms: Number,
      bytesPerSecond: Number,
      lastAlarm: String,
      lastError: String,
    });
    t.ok(source.creditedBitsPerByte <= source.testedBitsPerByte, source.name);
    t.ok(source.testedBitsPerByte > 0 && source.testedBitsPerByte <= 8, source.name);
    t.notOk('path' in source, 'only devices have a path');
  }
});

t.test('prediction resistance takes at most 64 KiB, and the number of a request', async (t) => {
  const generator = makeGenerator(t);
  const target = new Uint8Array(65_537).fill(7);
  const first = generator.arrive();
  t.equal(generator.arrive(), first + 1);
  for (const [length, request] of [
    [65_537, first],
    [1, 0],
    [1, -1],
    [1, undefined as unknown as number],
    [1, '1' as unknown as number],
  ] as const)
    t.throws(() => generator.generateResistant(target, 0, length, request), { name: 'TypeError' });
  t.equal(target.indexOf(0), -1, 'nothing is touched');
});

t.test('a closed generator throws, except that poll and close do nothing', async (t) => {
  const generator = makeGenerator(t);
  generator.close();
  for (const call of [
    () => generator.generate(new Uint8Array(1), 0, 1),
    () => generator.arrive(),
    () => generator.generateResistant(new Uint8Array(1), 0, 1, 1),
    () => generator.reseed(),
    () => generator.selfTest(),
    () => generator.readNoise('getrandom', 1),
    () => generator.reason(),
    () => generator.snapshot(),
  ])
    t.throws(call, { message: 'the generator is closed' });
  t.equal(generator.poll(), undefined);
  t.equal(generator.close(), undefined);
});

t.test('arguments are checked before anything is touched', async (t) => {
  const generator = makeGenerator(t);
  const target = new Uint8Array(8).fill(7);
  for (const [name, bytes, offset, length] of [
    ['below the array', target, -1, 4],
    ['past the array', target, 4, 5],
    ['offset past the array', target, 9, 0],
    ['a negative length', target, 0, -1],
    ['a sum that overflows', target, 1, Number.MAX_SAFE_INTEGER],
    ['an offset that is no number', target, '0' as unknown as number, 1],
    ['no array', 'x' as unknown as Uint8Array, 0, 1],
    ['another array', new Uint16Array(8) as unknown as Uint8Array, 0, 1],
    ['a missing length', target, 0, undefined as unknown as number],
  ] as const) {
    const wrong = { name: 'TypeError', message: /within the array/ };
    t.throws(() => generator.generate(bytes, offset, length), wrong, `generate ${name}`);
    t.throws(() => addon.wipe(bytes, offset, length), wrong, `wipe ${name}`);
  }
  t.strictSame(target, new Uint8Array(8).fill(7));
  const Wrong = addon.Generator as unknown as new (...args: unknown[]) => unknown;
  for (const args of [
    [],
    [{}],
    [{}, () => {}],
    [{ profile: 'x' }, () => {}, () => {}],
    [1, () => {}, () => {}],
    [{}, 1, () => {}],
  ])
    t.throws(() => new Wrong(...args), { name: 'TypeError' });
});

t.test('generate and reseed return one of the declared numbers', async (t) => {
  const generator = makeGenerator(t);
  t.equal(generator.generate(new Uint8Array(32), 0, 32), NativeResult.ok);
  const { ok, entropy, pending } = NativeResult;
  t.ok([ok, pending].includes(generator.reseed() as 0), 'pending while samples are read');
  const resistant = generator.generateResistant(new Uint8Array(32), 0, 32, generator.arrive());
  t.ok([ok, entropy, pending].includes(resistant as 0), 'entropy on a host without a source');
  t.type(await generator.selfTest(), 'boolean');
});

t.test('allocate returns 1 byte to 16 MiB of zeros, and refuses any other size', async (t) => {
  for (const size of [1, 4096, 131_072, maxAllocation]) {
    const bytes = addon.allocate(size);
    t.ok(bytes instanceof Uint8Array);
    t.equal(bytes.length, size);
    t.equal(bytes.byteOffset, 0, 'an ArrayBuffer of its own');
    t.equal(Buffer.compare(bytes, Buffer.alloc(size)), 0);
    bytes.fill(1);
  }
  for (const size of [0, -1, maxAllocation + 1, Number.NaN, Number.POSITIVE_INFINITY, '32', null])
    t.throws(() => addon.allocate(size as number), { name: 'RangeError' }, String(size));
});

t.test('wipe zeroes its range and nothing else', async (t) => {
  for (const [offset, length] of [
    [0, 8],
    [2, 3],
    [8, 0],
    [7, 1],
  ] as const) {
    const bytes = new Uint8Array(8).fill(1);
    addon.wipe(bytes, offset, length);
    t.strictSame(bytes, new Uint8Array(8).fill(1).fill(0, offset, offset + length));
  }
});

t.test(
  'peerCredentials says who connected; null for anything but a connected Unix socket',
  async (t) => {
    const path = freePath();
    const server = createServer().listen(path);
    t.teardown(() => server.close());
    await once(server, 'listening');
    const client = connect(path);
    const [accepted] = (await once(server, 'connection')) as [Socket];
    t.teardown(() => client.destroy());
    t.teardown(() => accepted.destroy());
    const { fd } = (accepted as unknown as { _handle: { fd: number } })._handle;
    const peer = addon.peerCredentials(fd);
    t.match(peer, { pid: process.pid, uid: process.getuid?.() });
    t.equal(peer?.gids[0], process.getgid?.());
    t.strictSame(
      new Set(peer?.gids),
      new Set([process.getgid?.(), ...(process.getgroups?.() ?? [])]),
    );

    const tcp = createServer().listen(0, '127.0.0.1');
    t.teardown(() => tcp.close());
    await once(tcp, 'listening');
    const tcpFd = (tcp as unknown as { _handle: { fd: number } })._handle.fd;
    for (const other of [-1, 1 << 20, openSync('/dev/null', 'r'), tcpFd, '1', undefined])
      t.equal(addon.peerCredentials(other as number), null, String(other));
  },
);

t.test('send sends what the socket takes at once', async (t) => {
  const { accepted, client, fd } = await socketPair(t);
  const bytes = new Uint8Array(8).fill(7);
  t.equal(addon.send(bytes, 2, 4, fd), 4);
  const [data] = (await once(client, 'data')) as [Buffer];
  t.strictSame(data, Buffer.alloc(4, 7));

  // More than any socket buffer holds, to a client that does not read.
  client.pause();
  const much = new Uint8Array(16 * 1024 * 1024).fill(7);
  const sent = addon.send(much, 0, much.length, fd);
  t.ok(sent > 0 && sent < much.length, `${sent} bytes`);
  t.equal(addon.send(much, sent, 5, fd), 0, 'the buffer is full');

  accepted.destroy();
  for (const other of [-1, 1 << 20, openSync('/dev/null', 'r'), '1', undefined])
    t.equal(addon.send(bytes, 0, 1, other as number), -1, String(other));
  t.throws(() => addon.send(bytes, 0, 9, fd), { name: 'TypeError' });
});

t.test('readNoise reads samples of a source, of any size within its range', async (t) => {
  const generator = makeGenerator(t);
  for (const size of [1, 33, 1_048_576]) {
    const samples = await generator.readNoise('getrandom', size);
    t.equal(samples?.length, size);
  }
  const samples = await generator.readNoise('getrandom', 32);
  t.ok(
    samples?.some((byte) => byte !== 0),
    'zeros with a probability of 2^-256',
  );
  t.equal(generator.readNoise('none', 40), undefined, 'an unknown source');
  for (const size of [0, -1, 1_048_577, Number.NaN])
    t.throws(() => generator.readNoise('getrandom', size), { name: 'RangeError' }, `${size}`);
});

t.test('a datagram reaches a Unix socket by its path and by its abstract name', async (t) => {
  // node:net has no datagram sockets for Unix.
  const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind(chr(0) + name[1:] if name[0] == '@' else name)
print('bound', flush=True)
s.settimeout(60)
print(s.recv(100).decode(), flush=True)`;
  for (const address of [freePath(), `@entropyd-test-${process.pid}`]) {
    const child = spawn('python3', ['-c', receiver, address], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    await once(child.stdout, 'data');
    t.equal(addon.sendDatagram(address, 'READY=1\nSTATUS=é', true), 0);
    await once(child, 'close');
    t.equal(printed, 'bound\nREADY=1\nSTATUS=é\n');
  }
  const { EINVAL, ENOENT, ECONNREFUSED } = constants.errno;
  for (const [address, wanted] of [
    ['', EINVAL],
    ['/'.repeat(108), EINVAL],
    [freePath(), ENOENT],
    ['@nobody-is-there', ECONNREFUSED],
  ] as const)
    t.equal(addon.sendDatagram(address, 'x', true), wanted, address);
});

t.test('socketPath is the path of a Unix socket, and null for other descriptors', async (t) => {
  const path = freePath();
  const server = createServer().listen(path);
  await once(server, 'listening');
  const fd = (server as unknown as { _handle: { fd: number } })._handle.fd;
  t.equal(addon.socketPath(fd), path);
  const abstract = createServer().listen(`\0entropyd-test-path-${process.pid}`);
  const tcp = createServer().listen(0, '127.0.0.1');
  await Promise.all([once(abstract, 'listening'), once(tcp, 'listening')]);
  for (const other of [abstract, tcp])
    t.equal(addon.socketPath((other as unknown as { _handle: { fd: number } })._handle.fd), null);
  for (const other of [-1, 9_999, openSync('/dev/null', 'r')])
    t.equal(addon.socketPath(other), null);
  for (const each of [server, abstract, tcp]) each.close();
});

t.test('harden turns off core dumps and ptrace', async (t) => {
  const script = `
    import { readFileSync } from 'node:fs';
    import { loadAddon } from ${JSON.stringify(new URL('../../dist/common/package.js', import.meta.url).href)};
    console.log(loadAddon().addon.harden());
    console.log(readFileSync('/proc/self/limits', 'utf8').match(/^Max core file size.*$/m)[0]);`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
  t.match(stdout, /^true\nMax core file size +0 +0 +bytes/);
});
