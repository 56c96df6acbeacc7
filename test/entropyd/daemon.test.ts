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
import { connect } from '../../src/client/client.js';
import { type Addon, type LoadResult, loadAddon } from '../../src/common/package.js';
import { type Config, mergeConfig } from '../../src/config/config.js';
import {
  type Daemon,
  type DaemonOptions,
  serve,
  type startDaemon,
} from '../../src/entropyd/daemon.js';
import type { ServiceManager } from '../../src/entropyd/systemd.js';
import { untilAnswers } from '../support/daemon.js';
import { call, leaveStaleSocket } from '../support/gateway.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { startActivated } from '../support/program.js';
import { unverifiable } from '../support/signing/signed-calls.js';
import { programMs } from '../support/until.js';

const { addon } = loadAddon();

/** A log that remembers, instead of the one on standard error. */
const records: Record<string, unknown>[] = [];
const record = (level: string) => (fields: object | string, message?: string) =>
  void records.push(
    typeof fields === 'string' ? { level, msg: fields } : { level, ...fields, msg: message },
  );
const logger = { info: record('info'), warn: record('warn'), error: record('error') };

const { startDaemon: start } = await t.mockImport<{ startDaemon: typeof startDaemon }>(
  '../../src/entropyd/daemon.js',
  { '../../src/common/log.js': { createLogger: async () => logger } },
);

/** The addon, but for what hardens this process. */
function gentle(hardened: () => void = () => {}): LoadResult {
  return {
    addon: {
      ...(addon as Addon),
      harden() {
        hardened();
        return true;
      },
    },
  };
}

/** The port of its gateway. */
const portOf = ({ addresses }: Daemon) => Number(addresses[0]?.split(':')[1]);

interface Given extends DaemonOptions {
  socketPath: string;
}

function options(overrides: Partial<Given> & { profile?: 'strict' } = {}): Given {
  records.length = 0;
  const { socketPath = freePath(), profile, ...rest } = overrides;
  const config = mergeConfig({}, { socket: socketPath, ...(profile ? { profile } : {}) });
  return { socketPath, config, addon: gentle(), ...rest };
}

t.test(
  'serves its socket, logs its start, state and end, and takes the socket along',
  async (t) => {
    const given = options();
    const daemon = await start(given);
    const client = connect({ socketPath: given.socketPath });
    t.equal((await client.random(32)).length, 32);
    const status = await client.status();
    t.match(status, { state: 'operational', healthy: true, pid: process.pid });
    t.strictSame(daemon.addresses, []);
    await client.close();
    await daemon.close();
    t.notOk(existsSync(given.socketPath));
    t.match(records, [
      {
        level: 'info',
        msg: 'entropyd listening',
        sockets: [given.socketPath],
        pid: process.pid,
        version: status.version,
      },
      { level: 'info', state: 'operational', msg: /^generator operational/ },
      { level: 'info', msg: 'entropyd ended' },
    ]);
  },
);

t.test('the service manager hears of readiness, states, a reload, life and the end', async (t) => {
  const told: string[] = [];
  const tell = (what: string) => () => void told.push(what);
  const manager: ServiceManager = {
    ready: tell('ready'),
    status: (text) => void told.push(text),
    reloading: tell('reloading'),
    stopping: tell('stopping'),
    alive: tell('alive'),
    watchdogMs: 40,
  };
  const given = options({ manager });
  const daemon = await start(given);
  while (!told.includes('alive')) await new Promise((resolve) => setTimeout(resolve, 5));
  await daemon.reload(async () => given.config);
  await daemon.close();
  t.match(told[0], /^Operational/);
  t.strictSame(
    told.slice(1).filter((what) => what !== 'alive'),
    ['ready', 'reloading', 'ready', 'stopping'],
  );
});

t.test('the process is hardened before there is a secret in its memory', async (t) => {
  const steps: string[] = [];
  class Generator extends (addon as Addon).Generator {
    constructor(...args: ConstructorParameters<Addon['Generator']>) {
      steps.push('generator');
      super(...args);
    }
  }
  const loaded = gentle(() => steps.push('harden'));
  const daemon = await start(
    options({ addon: { addon: { ...(loaded.addon as Addon), Generator } } }),
  );
  await daemon.close();
  t.strictSame(steps, ['harden', 'generator']);
});

t.test('without the addon everything says fallback, and why', async (t) => {
  const given = options({ addon: { reason: 'not built' }, http: '127.0.0.1:0' });
  const daemon = await start(given);
  t.teardown(() => daemon.close());
  const reason = 'node:crypto instead of the addon: not built';
  t.match(records[1], { level: 'warn', state: 'fallback', msg: `generator fallback: ${reason}` });
  const client = connect({ socketPath: given.socketPath });
  t.teardown(() => client.close());
  t.equal((await client.random(32)).length, 32);
  t.match(await client.health(), { state: 'fallback', healthy: false, reason });
  t.match(await client.status(), { state: 'fallback', healthy: false, reason });
  t.match(await client.metrics(), 'entropyd_state{state="fallback"} 1');
  const page = await fetch(`http://${daemon.addresses[0]}/healthz`);
  t.equal(page.status, 200, 'bytes are served');
  t.strictSame(await page.json(), { state: 'fallback', reason });
});

t.test('profile strict refuses the fallback, and nothing is left behind', async (t) => {
  const given = options({ addon: { reason: 'not built' }, profile: 'strict' });
  await t.rejects(start(given), {
    code: 'ERR_HEALTH',
    message: 'profile strict refuses the fallback: not built',
  });
  t.notOk(existsSync(given.socketPath));
});

t.test('a state that changes later is logged by its weight', async (t) => {
  let change: ConstructorParameters<Addon['Generator']>[1] = () => {};
  class Generator extends (addon as Addon).Generator {
    constructor(
      ...[given, onTransition, onSourceChange]: ConstructorParameters<Addon['Generator']>
    ) {
      super(given, onTransition, onSourceChange);
      change = onTransition;
    }
  }
  const daemon = await start(
    options({ addon: { addon: { ...(gentle().addon as Addon), Generator } } }),
  );
  records.length = 0;
  for (const [state, reason, level, msg] of [
    ['degraded', 'hwrng lost', 'warn', 'generator degraded: hwrng lost'],
    ['error', 'no credited noise source', 'error', 'generator error: no credited noise source'],
    ['seeding', '', 'warn', 'generator seeding'],
    ['operational', '', 'info', 'generator operational'],
  ] as const) {
    change(state, reason);
    t.strictSame(records.pop(), { level, state, reason, msg });
  }
  await daemon.close();
});

t.test('with an address it runs the gateway too', async (t) => {
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

t.test('its gateway has the settings of [gateway], but for addresses and TLS', async (t) => {
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
  t.strictSame([await ask('first'), await ask('second')], [200, 403]);
  write('second');
  await daemon.reload(async () => config);
  t.strictSame([await ask('first'), await ask('second')], [403, 200], 'a reload is for both');
  writeFileSync(credentials, 'nonsense');
  records.length = 0;
  await daemon.reload(async () => config);
  t.match(
    records.filter(({ level }) => level === 'error'),
    [{ msg: /^gateway kept as it was: .*credentials\.toml:1: / }],
  );
  t.strictSame([await ask('first'), await ask('second')], [403, 200]);
  await daemon.close();
  t.equal(readFileSync(audit, 'utf8').split('\n').length, 7, 'six requests');
});

t.test('a gateway that cannot start ends the daemon with it', async (t) => {
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

t.test('the folder of the socket is made, and nobody else may write to it', async (t) => {
  const socketPath = join(temporaryFolder(), 'new', 'er', 's');
  const before = process.umask(0);
  const daemon = await start(options({ socketPath }));
  process.umask(before);
  t.equal(statSync(dirname(socketPath)).mode & 0o777, 0o755);
  await daemon.close();
});

t.test('where it cannot listen it says why, and no generator is left', async (t) => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  mkdirSync(join(temporaryFolder(), 'folder'));
  const live = options();
  const running = await start(live);
  t.teardown(() => running.close());
  let made = 0;
  let closed = 0;
  class Generator extends (addon as Addon).Generator {
    constructor(...args: ConstructorParameters<Addon['Generator']>) {
      super(...args);
      made++;
    }
    override close() {
      closed++;
      super.close();
    }
  }
  for (const [socketPath, message] of [
    [live.socketPath, /another process answers there/],
    [file, /a file that is no socket is in the way/],
    [join(temporaryFolder(), 'folder'), /a file that is no socket is in the way/],
    [join(file, 's'), /^cannot make the socket's folder: EEXIST/],
    [join(file, 'b', 's'), /^cannot make the socket's folder: ENOTDIR/],
    [join(temporaryFolder(), 'x'.repeat(120)), /^socket path: at most 107 bytes/],
  ] as const) {
    const given = options({
      socketPath,
      addon: { addon: { ...(gentle().addon as Addon), Generator } },
    });
    await t.rejects(start(given), { code: 'ERR_LISTEN', message }, socketPath);
  }
  t.equal(closed, made);
  t.ok(made > 0);
});

t.test('the socket of a daemon that was killed is replaced', async (t) => {
  const given = options();
  leaveStaleSocket(given.socketPath);
  t.ok(existsSync(given.socketPath));
  const daemon = await start(given);
  const client = connect({ socketPath: given.socketPath });
  t.equal((await client.random(1)).length, 1);
  await client.close();
  await daemon.close();
});

t.test('by default it takes the addon of this package', async (t) => {
  let loads = 0;
  const { startDaemon: plain } = await t.mockImport<{ startDaemon: typeof startDaemon }>(
    '../../src/entropyd/daemon.js',
    {
      '../../src/common/log.js': { createLogger: async () => logger },
      '../../src/common/package.js': {
        loadAddon() {
          loads++;
          return { reason: 'as if not built' };
        },
      },
    },
  );
  const socketPath = freePath();
  const daemon = await plain({ config: mergeConfig({}, { socket: socketPath }) });
  t.equal(loads, 1);
  await daemon.close();
});

t.test(
  'a reload reseeds, keeps connections and takes the new limits and sockets over',
  async (t) => {
    const given = options();
    const daemon = await start(given);
    const client = connect({ socketPath: given.socketPath });
    const { reseeds, limits } = await client.status();
    const second = freePath();
    const next = {
      ...given.config,
      listen: [{ path: second, mode: 0o600, admin: false }],
      limits: { ...limits, connectionsPerUser: 7, bytesPerSecondPerUser: 1_000_000 },
    };
    records.length = 0;
    await daemon.reload(async () => next);
    t.match(records, [
      { level: 'info', msg: 'configuration reloaded', sockets: [second] },
      { level: 'info', msg: 'generator reseeded' },
    ]);
    const after = await client.status();
    t.equal(after.connectionsTotal, 1, 'on the connection that was there');
    t.strictSame([after.reseeds, after.limits], [reseeds + 1, next.limits]);
    t.notOk(existsSync(given.socketPath), 'nobody new comes there');
    t.equal(statSync(second).mode & 0o777, 0o600);
    const other = connect({ socketPath: second });
    await t.rejects(other.reseed(), { code: 'ERR_FORBIDDEN' });
    next.listen = [{ path: second, mode: 0o660, admin: true }];
    await daemon.reload(async () => next);
    t.equal(statSync(second).mode & 0o777, 0o660);
    const administrator = connect({ socketPath: second });
    t.match(await administrator.reseed(), { state: 'operational' });
    await administrator.close();
    await other.close();
    await client.close();
    await daemon.close();
    t.notOk(existsSync(second));
  },
);

t.test(
  'a configuration at fault changes nothing, and the reseed is done all the same',
  async (t) => {
    const given = options();
    const daemon = await start(given);
    const client = connect({ socketPath: given.socketPath });
    const { reseeds, limits } = await client.status();
    const changed = { ...given.config, limits: { ...limits, connections: 1 } };
    const fresh = freePath();
    for (const [load, message] of [
      [
        () => Promise.reject(new Error('entropyd.toml:3: x: unknown key')),
        /toml:3: x: unknown key/,
      ],
      [async () => ({ ...changed, adminGroup: 'no such group' }), /no group "no such group"/],
      [
        async () => ({
          ...changed,
          listen: [fresh, '/dev/null/s'].map((path) => ({ path, mode: 0o666, admin: true })),
        }),
        /cannot make the socket/,
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
  },
);

t.test('a reload says what only a restart changes', async (t) => {
  const given = options();
  const daemon = await start(given);
  records.length = 0;
  await daemon.reload(async () => ({
    ...given.config,
    profile: 'strict',
    devices: [],
    reseedSeconds: 1,
  }));
  t.match(records[0], {
    level: 'warn',
    msg: 'after a restart only: profile, generator.reseed_seconds, source',
  });
  await daemon.close();
});

t.test('a reseed that fails is logged with its reason', async (t) => {
  class Generator {
    constructor(_: unknown, onTransition: (state: string, reason: string) => void) {
      onTransition('error', 'rdseed failed');
    }
    poll() {}
    reseed() {
      return 2;
    }
    close() {}
  }
  const given = options({
    addon: { addon: { ...(gentle().addon as Addon), Generator } as unknown as Addon },
  });
  const daemon = await start(given);
  records.length = 0;
  await daemon.reload(async () => given.config);
  t.match(records[1], {
    level: 'error',
    code: 'ERR_HEALTH',
    msg: 'no reseed: the generator is in its error state: rdseed failed',
  });
  await daemon.close();
});

t.test('serves until SIGTERM or SIGINT, then ends cleanly', async (t) => {
  for (const [signal, http] of [
    ['SIGTERM', undefined],
    ['SIGINT', '127.0.0.1:0'],
  ] as const) {
    const socket = freePath();
    const serving = serve({ socket, profile: 'default', ...(http === undefined ? {} : { http }) });
    await untilAnswers(socket);
    process.emit(signal, signal);
    await serving;
    t.notOk(existsSync(socket));
  }
});

t.test('a signal that comes while it starts is not lost', async (t) => {
  const socket = freePath();
  const serving = serve({ socket, profile: 'default' });
  process.emit('SIGTERM', 'SIGTERM');
  await serving;
  t.notOk(existsSync(socket));
  await t.rejects(connect({ socketPath: socket }).random(1), { code: 'ERR_CONNECT' });
});

t.test('with no place for the socket it says so', async (t) => {
  const before = process.listenerCount('SIGTERM');
  await t.rejects(serve({ socket: '/dev/null/s', profile: 'default' }), { code: 'ERR_LISTEN' });
  t.equal(process.listenerCount('SIGTERM'), before + 1, 'the process is about to end');
  process.emit('SIGTERM', 'SIGTERM');
});

t.test('a socket that was passed is served, and stays as it was made', async (t) => {
  const path = freePath();
  const { program } = await startActivated(t, { path }, 'entropyd');
  chmodSync(path, 0o640);
  await untilAnswers(path);
  t.match(await program.says('entropyd listening'), JSON.stringify([path]));
  const client = connect({ socketPath: path });
  t.match(await client.reseed(), { state: 'operational' }, 'with administrators');
  program.child.kill('SIGHUP');
  await program.says('generator reseeded');
  t.equal((await client.random(8)).length, 8, 'also after a reload');
  await client.close();
  t.equal((await program.kill('SIGTERM')).status, 0);
  t.equal(statSync(path).mode & 0o777, 0o640);
});

t.test(
  'entries are matched with passed sockets by path; others of both kinds are served',
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
        const client = connect({ socketPath: passed, timeoutMs: programMs });
        const outcome = await client.reseed().then(
          () => true,
          ({ code }) => code,
        );
        await client.close();
        return outcome;
      };
      // The first one waits before the daemon serves.
      const first = await ask();
      const wanted = admin || 'ERR_FORBIDDEN';
      t.strictSame([first, await ask()], [wanted, wanted], entries);
      await untilAnswers(own);
      await program.kill('SIGTERM');
      t.equal(statSync(passed).mode, mode);
      t.notOk(existsSync(own), 'its own goes');
    }
  },
);

t.test('a passed socket that is none of the daemon is refused in one line', async (t) => {
  for (const [listen, name, message] of [
    [
      { path: freePath() },
      'http',
      'descriptor 3 was passed as "http"; want FileDescriptorName=entropyd',
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
