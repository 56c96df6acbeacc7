import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import t from 'tap';
import { connect } from '../src/client.js';
import { mergeConfig } from '../src/config.js';
import type { DaemonOptions, startDaemon } from '../src/daemon.js';
import { type Addon, type LoadResult, loadAddon } from '../src/native.js';
import { leaveStaleSocket } from './gateway/support.js';
import { freePath, temporaryFolder } from './support.js';

const { addon } = loadAddon();

/** A log that remembers, instead of the one on standard error. */
const records: Record<string, unknown>[] = [];
const record = (level: string) => (fields: object | string, message?: string) =>
  void records.push(
    typeof fields === 'string' ? { level, msg: fields } : { level, ...fields, msg: message },
  );
const logger = { info: record('info'), warn: record('warn'), error: record('error') };

const { startDaemon: start } = await t.mockImport<{ startDaemon: typeof startDaemon }>(
  '../src/daemon.js',
  { '../src/log.js': { createLogger: async () => logger } },
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
      const answer = await fetch(`http://${daemon.addresses[0]}/`, {
        method: 'POST',
        headers: {
          'Content-Type': 'application/x-amz-json-1.1',
          'X-Amz-Target': 'TrentService.GenerateRandom',
        },
        body: '{"NumberOfBytes":32}',
      });
      t.match(await answer.json(), { Plaintext: /^[A-Za-z0-9+/]{43}=$/ });
    }
    await daemon.close();
  }
  t.notOk(existsSync(unix));
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
    '../src/daemon.js',
    {
      '../src/log.js': { createLogger: async () => logger },
      '../src/native.js': {
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

t.test('a reseed on the operator’s word is done at once and logged', async (t) => {
  const given = options();
  const daemon = await start(given);
  records.length = 0;
  const client = connect({ socketPath: given.socketPath });
  const { reseeds } = await client.status();
  daemon.reseed();
  t.equal((await client.status()).reseeds, reseeds + 1);
  t.match(records, [{ level: 'info', msg: 'generator reseeded' }]);
  await client.close();
  await daemon.close();
});
