import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import t from 'tap';
import { type Client, connect } from '../../src/client/client.js';
import type { Logger } from '../../src/common/log.js';
import {
  type Addon,
  type LoadResult,
  loadAddon,
  NativeResult,
  type NativeSnapshot,
} from '../../src/common/package.js';
import type { Config } from '../../src/config/config.js';
import { mergeConfig } from '../../src/config/load.js';
import {
  type Daemon,
  type DaemonOptions,
  serveDaemon,
  startDaemon as start,
} from '../../src/entropyd/daemon.js';
import type { Probe } from '../../src/entropyd/service.js';
import { isResponsive } from '../../src/entropyd/systemd.js';
import { respond, untilAnswers } from '../support/daemon.js';
import { call, leaveStaleSocket } from '../support/gateway.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { startActivated } from '../support/program.js';
import { collect, open, take } from '../support/raw.js';
import { unverifiable } from '../support/signing/signed-calls.js';
import { programMs } from '../support/until.js';

const addon = loadAddon().addon as Addon;

/** A log that remembers, instead of the one on standard error. */
const records: Record<string, unknown>[] = [];
const record = (level: string) => (fields: object | string, message?: string) =>
  void records.push(
    typeof fields === 'string' ? { level, msg: fields } : { level, ...fields, msg: message },
  );
const log = { info: record('info'), warn: record('warn'), error: record('error') };

type Enter = ConstructorParameters<Addon['Generator']>[1];

/** A native generator that depends on no hardware: operational until a test says otherwise. */
class FakeGenerator {
  static made = 0;
  static closed = 0;
  /** Of the last one. */
  static enter: Enter = () => {};
  static reseedResult: number = NativeResult.ok;
  #state: NativeSnapshot['state'] = 'operational';
  #reason = '';
  #reseeds = 1;

  constructor(_options: unknown, onTransition: Enter) {
    FakeGenerator.made++;
    FakeGenerator.enter = (state, reason) => {
      this.#state = state;
      this.#reason = reason;
      onTransition(state, reason);
    };
    FakeGenerator.enter('operational', '');
  }
  generate(target: Uint8Array, offset: number, length: number): number {
    target.fill(0xaa, offset, offset + length);
    return NativeResult.ok;
  }
  respond(
    target: Uint8Array,
    requests: Uint32Array,
    _count: number,
    recipients: Int32Array,
    recipientCount: number,
  ): number {
    const fill = this.generate.bind(this);
    respond(fill, target, { requests, recipients, recipientCount });
    return NativeResult.ok;
  }
  reseed(): number {
    if (FakeGenerator.reseedResult === NativeResult.ok) this.#reseeds++;
    return FakeGenerator.reseedResult;
  }
  poll(): void {}
  reason(): string {
    return this.#reason;
  }
  snapshot(): NativeSnapshot {
    return {
      state: this.#state,
      reason: this.#reason,
      construction: 'RBG2(P)',
      sources: [],
      reseeds: this.#reseeds,
      requestsSinceReseed: 0,
      secondsSinceReseed: 0,
      memoryLocked: true,
    };
  }
  close(): void {
    FakeGenerator.closed++;
  }
}

const loaded = { addon: { ...addon, Generator: FakeGenerator } } as unknown as LoadResult;

/** The port of the daemon's gateway. */
const portOf = ({ addresses }: Daemon) => Number(addresses[0]?.split(':')[1]);

interface Given extends DaemonOptions {
  socketPath: string;
}

function options(overrides: Partial<Given> & { profile?: 'strict' } = {}): Given {
  records.length = 0;
  FakeGenerator.reseedResult = NativeResult.ok;
  const { socketPath = freePath(), profile, ...rest } = overrides;
  const config = mergeConfig({}, { socket: socketPath, ...(profile ? { profile } : {}) });
  return {
    socketPath,
    config,
    addon: loaded,
    loadLog: async () => log as unknown as Logger,
    descriptors: () => Number.POSITIVE_INFINITY,
    ...rest,
  };
}

/** Its answers may take as long as a busy machine needs. */
const clientOf = (socketPath: string): Client => connect({ socketPath, timeoutMs: programMs });

t.test('serves its socket, logs start, state and end, and removes the socket', async (t) => {
  const given = options();
  const daemon = await start(given);
  const client = clientOf(given.socketPath);
  t.equal((await client.random(32)).length, 32);
  const status = await client.status();
  t.match(status, { state: 'operational', healthy: true, pid: process.pid });
  t.strictSame(daemon.addresses, []);
  await client.close();
  await daemon.close();
  t.notOk(existsSync(given.socketPath));
  t.strictSame(records, [
    {
      level: 'info',
      msg: 'entropyd listening',
      sockets: [given.socketPath],
      pid: process.pid,
      version: status.version,
    },
    { level: 'info', state: 'operational', reason: '', msg: 'generator operational, serving' },
    { level: 'info', msg: 'entropyd ended' },
  ]);
});

t.test('its host hears of each state, and of a socket that responds', async (t) => {
  const told: string[] = [];
  let probe: Probe | undefined;
  const given = options({
    status: (text) => void told.push(text),
    listening(asked) {
      told.push('listening');
      probe = asked;
    },
  });
  const daemon = await start(given);
  t.strictSame(probe?.to, { path: given.socketPath });
  t.equal(await isResponsive({ path: given.socketPath }, probe?.request ?? '', programMs), true);
  const client = clientOf(given.socketPath);
  t.equal((await client.status()).requests, 2, 'the probe is a request, this is another');
  await client.close();
  FakeGenerator.enter('degraded', 'serving: hwrng lost');
  await daemon.close();
  t.strictSame(told, ['Operational, serving', 'listening', 'Degraded, serving: hwrng lost']);
});

t.test('without the addon everything says fallback, and why', async (t) => {
  const given = options({ addon: { reason: 'not built' }, http: '127.0.0.1:0' });
  const daemon = await start(given);
  t.teardown(() => daemon.close());
  const reason = 'serving untested bytes of node:crypto, without the addon: not built';
  t.match(records[1], { level: 'warn', state: 'fallback', msg: `generator fallback, ${reason}` });
  const client = clientOf(given.socketPath);
  t.teardown(() => client.close());
  t.equal((await client.random(32)).length, 32);
  t.match(await client.health(), { state: 'fallback', healthy: false, reason });
  t.match(await client.status(), { state: 'fallback', healthy: false, reason });
  t.match(await client.metrics(), 'entropyd_state{state="fallback"} 1');
  const page = await fetch(`http://${daemon.addresses[0]}/healthz`);
  t.equal(page.status, 200, 'bytes are served');
  const warnings = [/^open: any well-formed/];
  t.match(await page.json(), { state: 'fallback', reason, warnings });
});

t.test('profile strict refuses the fallback, and leaves nothing behind', async (t) => {
  const given = options({ addon: { reason: 'not built' }, profile: 'strict' });
  await t.rejects(start(given), {
    code: 'ERR_HEALTH',
    message: 'profile strict refuses the fallback: not built',
  });
  t.notOk(existsSync(given.socketPath));
});

t.test('a change of state is logged at its level', async (t) => {
  const daemon = await start(options());
  for (const [state, reason, level, msg] of [
    ['degraded', 'serving: hwrng lost', 'warn', 'generator degraded, serving: hwrng lost'],
    ['error', 'not serving: an alarm', 'error', 'generator error, not serving: an alarm'],
    ['seeding', '', 'warn', 'generator seeding, not serving'],
    ['operational', '', 'info', 'generator operational, serving'],
  ] as const) {
    FakeGenerator.enter(state, reason);
    t.strictSame(records.pop(), { level, state, reason, msg });
  }
  await daemon.close();
});

t.test('with an HTTP address it also runs the gateway', async (t) => {
  const unix = freePath();
  for (const http of ['127.0.0.1:0', `unix:${unix}`]) {
    const daemon = await start(options({ http }));
    t.equal(daemon.addresses.length, 1);
    if (http.startsWith('unix:')) {
      t.strictSame(daemon.addresses, [http]);
      t.ok(existsSync(unix));
    } else {
      const { body } = await call({
        port: portOf(daemon),
        method: 'POST',
        headers: unverifiable,
        body: '{"NumberOfBytes":32}',
      });
      t.match(JSON.parse(body), { Plaintext: /^[A-Za-z0-9+/]{43}=$/ });
    }
    await daemon.close();
  }
  t.notOk(existsSync(unix));
});

t.test('its gateway has the settings of [gateway], except addresses and TLS', async (t) => {
  const folder = temporaryFolder();
  const [credentials, audit] = [join(folder, 'credentials.toml'), join(folder, 'audit')];
  const write = (token: string) =>
    writeFileSync(credentials, `[[token]]\nname = "t"\ntoken = "${token}"\n`, { mode: 0o600 });
  write('first');
  const socketPath = freePath();
  const file = {
    gateway: {
      listen: ['nowhere'],
      credentials,
      require_signatures: true,
      dialect: 'hwc' as const,
      tls_cert: '/nowhere',
      tls_key: '/nowhere',
      audit,
    },
  };
  const config = mergeConfig(file, { socket: socketPath });
  const daemon = await start({ ...options({ socketPath, http: '127.0.0.1:0' }), config });
  const ask = async (token: string) => {
    const answer = await call({
      port: portOf(daemon),
      method: 'POST',
      path: '/v1.0/p/kms/gen-random',
      headers: { 'x-auth-token': token },
      body: '{"random_data_length":"8"}',
    });
    return answer.status;
  };
  t.strictSame([await ask('first'), await ask('second')], [200, 401]);
  write('second');
  await daemon.reload(async () => config);
  t.strictSame(
    [await ask('first'), await ask('second')],
    [401, 200],
    'a reload includes the gateway',
  );
  writeFileSync(credentials, 'nonsense');
  records.length = 0;
  await daemon.reload(async () => config);
  const errors = records.filter(({ level }) => level === 'error');
  t.not(errors.length, 0);
  // The gateway may have noticed the change before it was told.
  for (const error of errors)
    t.match(error, { msg: /^gateway kept as it was: .*credentials\.toml:1: / });
  t.strictSame([await ask('first'), await ask('second')], [401, 200]);
  await daemon.close();
  t.equal(readFileSync(audit, 'utf8').split('\n').length, 7, 'six requests');
});

t.test('if the gateway cannot start, the daemon ends', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  for (const [http, code] of [
    [`127.0.0.1:${port}`, 'ERR_LISTEN'],
    ['0.0.0.0:0', 'ERR_LISTEN'],
    ['nonsense', 'ERR_CONFIG'],
  ] as const) {
    const given = options({ http });
    await t.rejects(start(given), { code }, http);
    t.notOk(existsSync(given.socketPath));
    t.match(records.at(-1), { msg: 'entropyd ended' });
  }
});

t.test(
  'a missing directory of the socket is created, and only its owner may write to it',
  async (t) => {
    const socketPath = join(temporaryFolder(), 'new', 'er', 's');
    const before = process.umask(0);
    const daemon = await start(options({ socketPath }));
    process.umask(before);
    t.equal(statSync(dirname(socketPath)).mode & 0o777, 0o755);
    await daemon.close();
  },
);

t.test('if it cannot listen, it says why and closes its generator', async (t) => {
  const file = join(temporaryFolder(), 'file');
  const folder = join(temporaryFolder(), 'folder');
  writeFileSync(file, '');
  mkdirSync(folder);
  const live = options();
  const running = await start(live);
  t.teardown(() => running.close());
  const { made, closed } = FakeGenerator;
  for (const [socketPath, message] of [
    [live.socketPath, /another process answers there/],
    [file, /not a socket is in the way/],
    [folder, /not a socket is in the way/],
    [join(file, 's'), /: EEXIST/],
    [join(file, 'b', 's'), /: ENOTDIR/],
    [join(temporaryFolder(), 'x'.repeat(120)), /107 bytes/],
  ] as const)
    await t.rejects(start(options({ socketPath })), { code: 'ERR_LISTEN', message }, socketPath);
  t.strictSame([FakeGenerator.made, FakeGenerator.closed], [made + 6, closed + 6]);
});

t.test('the socket of a daemon that was killed is replaced', async (t) => {
  const given = options();
  leaveStaleSocket(given.socketPath);
  t.ok(existsSync(given.socketPath));
  const daemon = await start(given);
  const client = clientOf(given.socketPath);
  t.equal((await client.random(1)).length, 1);
  await client.close();
  await daemon.close();
});

t.test('a reload reseeds, keeps connections, and applies new limits and sockets', async (t) => {
  const given = options();
  const daemon = await start(given);
  const client = clientOf(given.socketPath);
  const { reseeds, limits } = await client.status();
  const second = freePath();
  const next = {
    ...given.config,
    listen: [{ path: second, mode: 0o600, protocol: 'rpc' as const, admin: false }],
    limits: { ...limits, connectionsPerUser: 7, bytesPerSecondPerUser: 1_000_000 },
  };
  records.length = 0;
  await daemon.reload(async () => next);
  t.match(records, [
    { level: 'info', msg: 'configuration reloaded', sockets: [second] },
    { level: 'info', msg: 'generator reseeded' },
  ]);
  const after = await client.status();
  t.equal(after.connectionsTotal, 1, 'on the same connection');
  t.strictSame([after.reseeds, after.limits], [reseeds + 1, next.limits]);
  t.notOk(existsSync(given.socketPath), 'the old socket accepts no more');
  t.equal(statSync(second).mode & 0o777, 0o600);
  const other = clientOf(second);
  await t.rejects(other.reseed(), { code: 'ERR_FORBIDDEN' });
  next.listen = [{ path: second, mode: 0o660, protocol: 'rpc', admin: true }];
  await daemon.reload(async () => next);
  t.equal(statSync(second).mode & 0o777, 0o660);
  const administrator = clientOf(second);
  t.match(await administrator.reseed(), { state: 'operational' });
  await administrator.close();
  await other.close();
  await client.close();
  await daemon.close();
  t.notOk(existsSync(second));
});

t.test('connections are lowered to what the descriptors allow, again at a reload', async (t) => {
  let descriptors = 200;
  const given = options({ descriptors: () => descriptors });
  const daemon = await start(given);
  const client = clientOf(given.socketPath);
  const lowered = (connections: number) => ({
    level: 'warn',
    msg: 'limits.connections is lowered to what RLIMIT_NOFILE allows',
    wanted: 4096,
    connections,
    descriptors,
  });
  t.strictSame(records.at(-1), lowered(120));
  t.equal((await client.status()).limits.connections, 120);
  t.match(await client.metrics(), /^entropyd_connections_limit 120$/m);
  descriptors = 300;
  records.length = 0;
  await daemon.reload(async () => given.config);
  t.strictSame(records[0], lowered(220));
  t.equal((await client.status()).limits.connections, 220);
  descriptors = 5_000;
  records.length = 0;
  await daemon.reload(async () => given.config);
  t.notOk(records.some(({ level }) => level === 'warn'));
  t.equal((await client.status()).limits.connections, 4096);
  await client.close();
  await daemon.close();
});

t.test('if it cannot load what requests need, it ends', async (t) => {
  class Broken extends FakeGenerator {
    override snapshot(): never {
      throw new Error('a file is missing');
    }
  }
  const broken = { addon: { ...addon, Generator: Broken } } as unknown as LoadResult;
  const given = options({ addon: broken });
  await t.rejects(start(given), { message: 'a file is missing' });
  t.notOk(existsSync(given.socketPath));
});

t.test('a configuration with a fault changes nothing, but the reseed happens', async (t) => {
  const given = options();
  const daemon = await start(given);
  const client = clientOf(given.socketPath);
  const { reseeds, limits } = await client.status();
  const changed = { ...given.config, limits: { ...limits, connections: 1 } };
  const fresh = freePath();
  for (const [load, message] of [
    [() => Promise.reject(new Error('entropyd.toml:3: x: unknown key')), /toml:3: x: unknown key/],
    [
      async () => ({ ...changed, access: { adminGroup: 'no such group' } }),
      /no group "no such group"/,
    ],
    [
      async () => ({
        ...changed,
        listen: [fresh, '/dev/null/s'].map((path) => ({
          path,
          mode: 0o666,
          protocol: 'rpc' as const,
          admin: true,
        })),
      }),
      /\/dev\/null/,
    ],
  ] as const) {
    records.length = 0;
    await daemon.reload(load as () => Promise<Config>);
    t.match(records, [
      { level: 'error', msg: /^configuration kept: / },
      { level: 'info', msg: 'generator reseeded' },
    ]);
    t.match(records[0], { msg: message });
  }
  t.notOk(existsSync(fresh), 'what it had begun is undone');
  const after = await client.status();
  t.strictSame([after.reseeds, after.limits], [reseeds + 3, limits]);
  await client.close();
  await daemon.close();
});

t.test('a reload names what only a restart changes', async (t) => {
  const given = options();
  const daemon = await start(given);
  records.length = 0;
  await daemon.reload(async () => ({
    ...given.config,
    profile: 'strict',
    devices: [],
    generator: { ...given.config.generator, reseedSeconds: 1 },
  }));
  t.match(records[0], {
    level: 'warn',
    msg: 'after a restart only: profile, generator.reseed_seconds, source',
  });
  await daemon.close();
});

t.test('a reseed that fails is logged with its reason', async (t) => {
  const given = options();
  const daemon = await start(given);
  FakeGenerator.enter('error', 'not serving: rdseed failed');
  FakeGenerator.reseedResult = NativeResult.health;
  records.length = 0;
  await daemon.reload(async () => given.config);
  t.match(records[1], {
    level: 'error',
    code: 'ERR_HEALTH',
    msg: 'no reseed: not serving: rdseed failed',
  });
  await daemon.close();
});

t.test('serves until SIGTERM or SIGINT, then ends cleanly', async (t) => {
  for (const [signal, http] of [
    ['SIGTERM', undefined],
    ['SIGINT', '127.0.0.1:0'],
  ] as const) {
    const socket = freePath();
    const serving = serveDaemon({ socket, ...(http === undefined ? {} : { http }) });
    await untilAnswers(socket);
    process.emit(signal, signal);
    await serving;
    t.notOk(existsSync(socket));
  }
});

t.test('a FIFO as the configuration holds up neither a reload nor the end', async (t) => {
  const [socket, config] = [freePath(), join(temporaryFolder(), 'becomes-a-fifo.toml')];
  writeFileSync(config, '');
  const serving = serveDaemon({ socket, config });
  await untilAnswers(socket);
  rmSync(config);
  execFileSync('mkfifo', [config]);
  process.emit('SIGHUP', 'SIGHUP');
  process.emit('SIGTERM', 'SIGTERM');
  await serving;
  t.notOk(existsSync(socket));
});

t.test('a signal during the start is not lost', async (t) => {
  const socket = freePath();
  const serving = serveDaemon({ socket });
  process.emit('SIGTERM', 'SIGTERM');
  await serving;
  t.notOk(existsSync(socket));
  await t.rejects(connect({ socketPath: socket }).random(1), { code: 'ERR_CONNECT' });
});

t.test('a socket that cannot be made is an error', async (t) => {
  const before = process.listenerCount('SIGTERM');
  await t.rejects(serveDaemon({ socket: '/dev/null/s' }), { code: 'ERR_LISTEN' });
  t.equal(process.listenerCount('SIGTERM'), before + 1, 'the process is about to end');
  process.emit('SIGTERM', 'SIGTERM');
});

t.test('a passed socket is served, and its file stays as it is', async (t) => {
  const path = freePath();
  const { program } = await startActivated(t, { path }, 'entropyd');
  chmodSync(path, 0o640);
  await untilAnswers(path);
  t.match(await program.says('entropyd listening'), JSON.stringify([path]));
  const client = clientOf(path);
  t.match(await client.reseed(), { state: String }, 'with administrators');
  program.child.kill('SIGHUP');
  await program.says('generator reseeded');
  t.equal((await client.random(8)).length, 8, 'also after a reload');
  await client.close();
  t.equal((await program.kill('SIGTERM')).status, 0);
  t.equal(statSync(path).mode & 0o777, 0o640);
});

t.test(
  '[[listen]] tables apply to passed sockets by path; others of both kinds are served',
  async (t) => {
    const [passed, own] = [freePath(), freePath()];
    const config = `${freePath()}.toml`;
    for (const [entries, admin] of [
      [`[[listen]]\npath = "${passed}"\nmode = "0600"\n[[listen]]\npath = "${own}"\n`, true],
      [`[[listen]]\npath = "${passed}"\nadmin = false\n[[listen]]\npath = "${own}"\n`, false],
      [`[[listen]]\npath = "${own}"\n`, false],
    ] as const) {
      writeFileSync(config, entries);
      rmSync(passed, { force: true });
      const { program } = await startActivated(t, { path: passed }, 'entropyd', [
        '--config',
        config,
      ]);
      const mode = statSync(passed).mode;
      const ask = async () => {
        const client = clientOf(passed);
        const outcome = await client.reseed().then(
          () => true,
          ({ code }) => code,
        );
        await client.close();
        return outcome;
      };
      // This request waits until the daemon serves.
      const first = await ask();
      const wanted = admin || 'ERR_FORBIDDEN';
      t.strictSame([first, await ask()], [wanted, wanted], entries);
      await untilAnswers(own);
      await program.kill('SIGTERM');
      t.equal(statSync(passed).mode, mode);
      t.notOk(existsSync(own), 'its own socket is removed');
    }
  },
);

t.test('a passed socket that is not the daemon’s is refused in one line', async (t) => {
  for (const [listen, name, message] of [
    [
      { path: freePath() },
      'http',
      'descriptor 3 was passed as "http"; want FileDescriptorName=entropyd or entropyd-egd or entropyd-raw',
    ],
    [
      { host: '127.0.0.1', port: 0 },
      'entropyd',
      "descriptor 3: want a Unix socket, not a network's",
    ],
  ] as const) {
    const { program } = await startActivated(t, listen, name);
    t.match(await program.ended, { status: 1, stderr: `entropyd: ${message}\n` });
  }
});

t.test(
  'a socket passed as entropyd-egd speaks EGD; what is asked before the end is answered',
  async (t) => {
    const path = freePath();
    const { program } = await startActivated(t, { path }, 'entropyd-egd');
    await program.says('entropyd listening');
    const socket = await open(t, path);
    const first = take(socket, 64);
    socket.write(Buffer.from([2, 64]));
    await first;
    const all = collect(socket);
    socket.write(Buffer.concat(Array(100).fill(Buffer.from([2, 255]))));
    t.equal(await program.kill('SIGTERM').then(({ status }) => status), 0);
    t.equal((await all).length, 25_500);
  },
);
