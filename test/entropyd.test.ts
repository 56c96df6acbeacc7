import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, connect as netConnect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { connect } from '../src/client/client.js';
import { errorOutput } from '../src/common/line-output.js';
import { version } from '../src/common/package.js';
import { makeCertificate } from './support/certificates.js';
import { untilAnswers } from './support/daemon.js';
import { call } from './support/gateway.js';
import { freePath, temporaryFolder } from './support/paths.js';
import { built, environment, lines, Program, run, startDaemonProgram } from './support/program.js';
import { message, open, unpackAll } from './support/raw.js';
import { signAws } from './support/signing/signed-calls.js';
import { programMs, until } from './support/until.js';

/** What a program prints to standard error besides its log. */
function plain(stderr: string): string[] {
  return lines(stderr).filter((line) => !line.startsWith('{'));
}

t.test('--help and --version print and succeed', async (t) => {
  const help = await run(t, 'entropyd', ['--help']);
  t.match(help, { status: 0, stderr: '' });
  t.match(help.stdout, /--socket <path>(?:.|\n)*--http <address>(?:.|\n)*--profile <name>/);
  t.match(await run(t, 'entropyd', ['--version']), { status: 0, stdout: `${version}\n` });
  t.match(await run(t, 'entropyd', ['gateway', '--help']), { status: 0, stdout: /--listen/ });
});

t.test('a usage error is one line and exit code 64', async (t) => {
  for (const [args, fault] of [
    [['--bogus'], "unknown option '--bogus'"],
    [['bogus'], /bogus|too many arguments/],
    [['--profile', 'none'], /argument 'none' is invalid\. Allowed choices are default, strict\./],
    [['--socket'], "option '--socket <path>' argument missing"],
    [['gateway', '--dialect', 'x'], /Allowed choices are otc, hwc\./],
    [
      ['--config', 'c.toml', 'gateway'],
      "--config: put the gateway's options after the word gateway",
    ],
    [['quickstart', '--listen', 'unix:/s'], 'the quick start takes HOST:PORT only'],
  ] as const) {
    const { status, stdout, stderr } = await run(t, 'entropyd', args);
    t.equal(status, 64, args.join(' '));
    t.equal(stdout, '');
    t.equal(lines(stderr).length, 1);
    t.match(stderr, /^entropyd: /);
    t.match(stderr, fault);
  }
});

t.test('SIGTERM and SIGINT end it with 0, and remove its socket', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const daemon = await startDaemonProgram(t);
    t.ok(statSync(daemon.path).isSocket());
    const { status, stdout, stderr } = await daemon.kill(signal);
    t.strictSame([status, stdout], [0, ''], signal);
    t.strictSame(plain(stderr), [], 'nothing but the log');
    t.match(stderr, /"entropyd ended"/);
    t.notOk(existsSync(daemon.path));
  }
});

const largest = 1_048_576;

/**
 * A client that has asked for four times more than any socket buffer holds, and that stopped
 * reading when the first bytes came: the daemon has then read its requests, which were one write.
 */
async function stalledClient(t: Test, path: string): Promise<{ socket: Socket; parts: Buffer[] }> {
  const socket = await open(t, path);
  const parts: Buffer[] = [];
  socket.on('data', (data) => parts.push(data));
  socket.write(Buffer.concat([0, 1, 2, 3].map((id) => message(id, 'random', [largest]))));
  await once(socket, 'data');
  socket.pause();
  return { socket, parts };
}

/** Resolves when a daemon has begun to end: its socket is gone. */
const untilEnding = (path: string) => until(() => !existsSync(path), `the end of ${path}`);

t.test('SIGTERM answers what was read', async (t) => {
  const daemon = await startDaemonProgram(t);
  const { socket, parts } = await stalledClient(t, daemon.path);
  const ended = daemon.kill('SIGTERM');
  await untilEnding(daemon.path);
  t.equal(daemon.child.exitCode, null, 'it waits for its reader');
  socket.resume();
  await once(socket, 'end');
  t.strictSame(
    unpackAll(Buffer.concat(parts)).map(([, id, error, bytes]) => [
      id,
      error,
      (bytes as Uint8Array).length,
    ]),
    [0, 1, 2, 3].map((id) => [id, null, largest]),
  );
  t.match(await ended, { status: 0 });
});

t.test('a second signal, SIGTERM or SIGINT, ends it at once', async (t) => {
  for (const second of ['SIGTERM', 'SIGINT'] as const) {
    const daemon = await startDaemonProgram(t);
    await stalledClient(t, daemon.path);
    daemon.child.kill('SIGTERM');
    await untilEnding(daemon.path);
    t.equal(daemon.child.exitCode, null);
    t.match(await daemon.kill(second), { status: null, signal: second });
  }
});

t.test('the socket of a daemon that was killed is replaced', async (t) => {
  const killed = await startDaemonProgram(t);
  t.match(await killed.kill('SIGKILL'), { signal: 'SIGKILL' });
  t.ok(existsSync(killed.path), 'its file stays');
  const next = new Program(t, [built('entropyd'), '--socket', killed.path]);
  await untilAnswers(killed.path);
  t.match(await next.kill('SIGTERM'), { status: 0 });
});

t.test('a live socket is not replaced: one line, exit code 1', async (t) => {
  const daemon = await startDaemonProgram(t);
  const { status, stderr } = await run(t, 'entropyd', ['--socket', daemon.path]);
  t.equal(status, 1);
  t.equal(
    stderr,
    `entropyd: cannot listen on unix:${daemon.path}: another process answers there\n`,
  );
  await untilAnswers(daemon.path);
  t.match(await daemon.kill('SIGTERM'), { status: 0 }, 'the first one still serves');
});

t.test('a path where no socket can be: one line, exit code 1', async (t) => {
  const long = join(temporaryFolder(), 'x'.repeat(110));
  for (const [path, said] of [
    [long, `107 bytes: ${long}`],
    // Directories that nobody can create or write to, root included.
    ['/sys/entropyd/s', /^entropyd: cannot .*: E(PERM|ACCES|ROFS): /],
    ['/proc/none/s', /^entropyd: cannot make the socket's folder: ENOENT: /],
    ['/proc/s', /^entropyd: cannot listen on \/proc\/s: /],
    ['/dev/null/s', /^entropyd: cannot .*: E(EXIST|NOTDIR): /],
    [temporaryFolder(), /: a file that is not a socket is in the way$/m],
  ] as const) {
    const { status, stdout, stderr } = await run(t, 'entropyd', ['--socket', path]);
    t.equal(status, 1, path);
    t.equal(stdout, '');
    t.equal(lines(stderr).length, 1, stderr);
    t.match(stderr, said);
  }
});

t.test('a port in use: one line, exit code 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const address = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
  const socket = freePath();
  for (const args of [
    ['--socket', socket, '--http', address],
    ['gateway', '--socket', socket, '--listen', '127.0.0.1:0', '--listen', address],
    ['quickstart', '--socket', socket, '--listen', address],
  ]) {
    const { status, stderr } = await run(t, 'entropyd', args);
    t.equal(status, 1, args.join(' '));
    t.strictSame(plain(stderr), [
      `entropyd: cannot listen on ${address}: already in use; --listen chooses another`,
    ]);
    t.notOk(existsSync(socket));
  }
});

t.test('the socket may come from the environment; its directory is created', async (t) => {
  const path = join(temporaryFolder(), 'made', 's');
  const daemon = new Program(t, [built('entropyd')], {
    env: { ...environment, ENTROPYD_SOCKET: path },
  });
  await untilAnswers(path);
  t.equal(statSync(dirname(path)).mode & 0o022, 0, 'nobody else may write to it');
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});

t.test('the process leaves no core dump', async (t) => {
  const daemon = await startDaemonProgram(t);
  const limits = readFileSync(`/proc/${daemon.child.pid}/limits`, 'utf8');
  t.match(limits, /^Max core file size +0 +0 +bytes/m);
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});

t.test('profile strict gives getrandom(2) no credit', async (t) => {
  const daemon = await startDaemonProgram(t, ['--profile', 'strict']);
  const client = connect({ socketPath: daemon.path });
  t.teardown(() => client.close());
  const { state, sources } = await client.health();
  const kernel = sources.find(({ name }) => name === 'getrandom');
  t.equal(kernel?.creditedBitsPerByte, 0);
  const hardware = sources.some(
    ({ state: now, creditedBitsPerByte }) => now === 'passing' && creditedBitsPerByte > 0,
  );
  t.match(state, hardware ? /^(operational|degraded)$/ : /^error$/);
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});

t.test(
  'with more clients than descriptors, every method answers those who are connected',
  async (t) => {
    const path = freePath();
    const daemon = new Program(t, [process.execPath, built('entropyd'), '--socket', path], {
      script: 'ulimit -n 256 && exec "$0" "$@"',
    });
    t.match(
      await daemon.says('limits.connections is lowered'),
      /"connections":176,"descriptors":256/,
    );
    const client = connect({ socketPath: path, timeoutMs: programMs });
    await client.random(1);
    const sockets = Array.from({ length: 400 }, () => netConnect(path).on('error', () => {}));
    for (const socket of sockets) socket.resume();
    await until(
      async () => (await client.status()).errors.ERR_BUSY !== undefined,
      'a connection that is refused',
    );
    t.match(await client.health(), { state: String });
    t.match(await client.version(), { name: 'entropyd' });
    t.match(await client.metrics(), /^entropyd_connections_limit 176$/m);
    t.equal((await client.status()).limits.connections, 176);
    t.ok(readdirSync(`/proc/${daemon.child.pid}/fd`).length < 256);
    for (const socket of sockets) socket.destroy();
    await client.close();
    await untilAnswers(path);
    t.match(await daemon.kill('SIGTERM'), { status: 0 });
  },
);

t.test('with more clients than descriptors, the gateway serves whoever asks', async (t) => {
  const daemon = await startDaemonProgram(t);
  const unix = freePath();
  const arguments_ = ['gateway', '--socket', daemon.path, '--listen', `unix:${unix}`];
  const gateway = new Program(t, [process.execPath, built('entropyd'), ...arguments_], {
    script: 'ulimit -n 128 && exec "$0" "$@"',
  });
  t.match(await gateway.says('fewer connections'), /"wanted":1024,"connections":48/);
  await gateway.says('gateway listening');
  const sockets = Array.from({ length: 200 }, () => netConnect(unix).on('error', () => {}));
  for (const socket of sockets) socket.resume();
  await gateway.says('connection ended to make room');
  // None of it has been asked for before.
  for (const path of ['/healthz', '/status', '/history', '/metrics', '/', '/page/style.css']) {
    const headers = { host: 'localhost' };
    t.match(await call({ socketPath: unix, path, headers }), { status: 200 }, path);
  }
  t.ok(readdirSync(`/proc/${gateway.child.pid}/fd`).length < 128);
  for (const socket of sockets) socket.destroy();
  t.match(await gateway.kill('SIGTERM'), { status: 0 });
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});

t.test('the gateway runs as a process of its own, on several addresses', async (t) => {
  const daemon = await startDaemonProgram(t);
  const unix = freePath();
  const gateway = new Program(t, [
    built('entropyd'),
    'gateway',
    '--socket',
    daemon.path,
    '--listen',
    '127.0.0.1:0',
    '--listen',
    `unix:${unix}`,
    '--dialect',
    'hwc',
  ]);
  const said = await gateway.says('gateway listening');
  const { addresses } = JSON.parse(lines(said)[0] ?? '');
  t.equal(addresses[1], `unix:${unix}`);
  const answer = await fetch(`http://${addresses[0]}/v1.0/project/kms/gen-random`, {
    method: 'POST',
    headers: { 'X-Auth-Token': 'any' },
    body: '{"random_data_length":"8"}',
  });
  t.match(await answer.json(), { random_data: /^[0-9A-F]{2}$/ });
  t.match(await gateway.kill('SIGTERM'), { status: 0 });
  t.notOk(existsSync(unix));
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});

t.test(
  'the gateway verifies, reloads on SIGHUP, and keeps its credentials if the new have a fault',
  async (t) => {
    const daemon = await startDaemonProgram(t);
    const folder = temporaryFolder();
    const [config, credentials] = [join(folder, 'gateway.toml'), join(folder, 'keys.toml')];
    const { ca, certificate, key } = makeCertificate(folder, 'gateway');
    const write = (secret: string) =>
      writeFileSync(
        credentials,
        `[[key]]\nname = "app"\naccess_key = "AKID"\nsecret_key = "${secret}"\n`,
        { mode: 0o600 },
      );
    write('WonderfulFirst');
    writeFileSync(
      config,
      `[[listen]]
path = "${daemon.path}"
[gateway]
listen = ["127.0.0.1:0"]
credentials = "${credentials}"
require_signatures = true
tls_cert = "${certificate}"
tls_key = "${key}"
audit = "-"
`,
    );
    const gateway = new Program(t, [built('entropyd'), 'gateway', '--config', config]);
    const said = await gateway.says('signatures and tokens are verified');
    const port = Number(/"127\.0\.0\.1:(\d+)"/.exec(said)?.[1]);
    const ask = async (secretKey: string) => {
      const body = '{"NumberOfBytes":32}';
      const headers = signAws({ accessKey: 'AKID', secretKey }, body);
      return (await call({ port, ca, method: 'POST', headers, body })).status;
    };
    t.strictSame([await ask('WonderfulFirst'), await ask('WonderfulSecond')], [200, 400]);
    write('WonderfulSecond"');
    gateway.child.kill('SIGHUP');
    await gateway.says(/gateway kept as it was: [^"]*keys\.toml:4: /);
    t.strictSame([await ask('WonderfulFirst'), await ask('WonderfulSecond')], [200, 400]);
    write('WonderfulSecond');
    gateway.child.kill('SIGHUP');
    await gateway.says('gateway reloaded');
    t.strictSame([await ask('WonderfulFirst'), await ask('WonderfulSecond')], [400, 200]);
    const { status, stdout, stderr } = await gateway.kill('SIGTERM');
    t.equal(status, 0);
    t.equal(lines(stdout).length, 6, 'the audit log');
    t.match(JSON.parse(lines(stdout)[0] ?? ''), { key: 'app', size: 32, outcome: 'ok' });
    t.notMatch(stdout + stderr, /Wonderful/);
  },
);

t.test('a gateway that other hosts could reach unprotected does not start', async (t) => {
  const socket = ['--socket', freePath()];
  for (const [args, said] of [
    [
      ['--listen', '0.0.0.0:0'],
      /^entropyd: refusing to listen on 0\.0\.0\.0:\d+: .*TLS.*credentials/,
    ],
    [['--require-signatures'], 'entropyd: signatures are required'],
    [['--credentials', ''], 'entropyd: credentials file : ENOENT'],
    [['--tls-cert', 'x'], 'entropyd: TLS needs a certificate and its key'],
  ] as const) {
    const { status, stderr } = await run(t, 'entropyd', ['gateway', ...socket, ...args]);
    t.equal(status, 1, args.join(' '));
    t.match(plain(stderr), [said]);
  }
});

t.test('--http runs the gateway in the daemon', async (t) => {
  const daemon = await startDaemonProgram(t, ['--http', '127.0.0.1:0']);
  const said = await daemon.says('gateway listening');
  const [, address] = /"addresses":\["([^"]+)"\]/.exec(said) ?? [];
  const page = await fetch(`http://${address}/healthz`);
  t.equal(page.status, 200);
  t.match(await page.json(), { state: /^(operational|degraded)$/ });
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});

t.test('the quick start prints an answer of each API, serves, and ends with 0', async (t) => {
  const socket = join(temporaryFolder(), 'quick', 's');
  const program = new Program(t, [
    built('entropyd'),
    'quickstart',
    '--socket',
    socket,
    '--listen',
    '127.0.0.1:0',
  ]);
  let printed = '';
  program.child.stdout?.on('data', (data) => {
    printed += data;
  });
  await until(() => printed.includes('Serving until Ctrl-C.'), 'the quick start’s output');
  t.match(printed, /^aws-kms: \{"Plaintext":"[A-Za-z0-9+/]{43}="\}$/m);
  t.match(printed, /^huawei-kms: \{"random_data":"[0-9A-F]{128}"\}$/m);
  await untilAnswers(socket);
  t.match(await program.kill('SIGINT'), { status: 0 });
  t.notOk(existsSync(socket));
});

t.test('SIGHUP reseeds, and connections stay', async (t) => {
  const daemon = await startDaemonProgram(t);
  const client = connect({ socketPath: daemon.path });
  const { reseeds, pid, connectionsTotal } = await client.status();
  daemon.child.kill('SIGHUP');
  await daemon.says('"generator reseeded"');
  t.match(await client.status(), { pid, connectionsTotal });
  // A busy source takes its time to fill the seed.
  await until(async () => (await client.status()).reseeds > reseeds, 'the reseed');
  await client.close();
  t.equal((await daemon.kill('SIGTERM')).status, 0);
});

t.test('a configuration with a fault is refused as a whole, with file and line', async (t) => {
  const path = join(temporaryFolder(), 'c.toml');
  writeFileSync(path, 'profile = "default"\n[limits]\nmessage_byte = 3\n');
  t.match(await run(t, 'entropyd', ['--config', path, '--socket', freePath()]), {
    status: 1,
    stdout: '',
    stderr: `entropyd: ${path}:3: limits.message_byte: unknown key; the nearest is "message_bytes"\n`,
  });
});

t.test('a configuration can be checked without serving: 0, or 1 and the line', async (t) => {
  const folder = temporaryFolder();
  const file = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const token = file('checked-credentials.toml', '[[token]]\nname = "t"\ntoken = "abc"\n');
  const good = file('good.toml', `[gateway]\ncredentials = ${JSON.stringify(token)}\n`);
  for (const args of [[], ['gateway'], ['gateway', '--no-open']])
    t.match(
      await run(t, 'entropyd', [...args, '--check-config', good]),
      { status: 0, stdout: `${good}: valid\n`, stderr: '' },
      args.join(' '),
    );
  for (const [args, text, line, fault] of [
    [[], '[limits]\nmessage_byte = 3\n', 2, 'limits.message_byte: unknown key'],
    [[], 'profile = "default\n', 1, ''],
    [[], '[access]\n\nadmin_group = "no-such-group"\n', 3, 'admin_group: this host has no group'],
    [['gateway'], '[gateway]\ncredentials = "/none"\n', 2, 'credentials file /none: ENOENT'],
    [['gateway'], '[gateway]\nupstream = "x"\n', 2, 'upstream "x": want https'],
    [['gateway'], '[gateway]\nhuawei_upstream = "x"\n', 2, 'upstream "x": want https'],
    [['gateway'], '[gateway]\nlisten = ["x"]\n', 2, 'gateway.listen[0]: want HOST:PORT'],
    [['gateway'], '[gateway]\ntls_key = "/k"\n', 2, 'TLS needs a certificate and its key'],
    [['gateway'], '[gateway]\naccess = "opened"\n', 2, 'gateway.access: want "open"'],
  ] as const) {
    const path = file('bad.toml', text);
    const { status, stdout, stderr } = await run(t, 'entropyd', [...args, '--check-config', path]);
    t.strictSame([status, stdout], [1, ''], fault);
    t.ok(stderr.startsWith(`entropyd: ${path}:${line}: ${fault}`), stderr);
    t.equal(lines(stderr).length, 1);
  }
  const none = await run(t, 'entropyd', ['--check-config', join(folder, 'none.toml')]);
  t.match(none, { status: 1, stderr: /^entropyd: configuration .*none\.toml: ENOENT/ });
  const open = file('open.toml', '');
  t.match(await run(t, 'entropyd', ['gateway', '--no-open', '--check-config', open]), {
    status: 1,
    stderr: /^entropyd: nothing says who may use this gateway/,
  });
});

t.test(
  'a FIFO as the operator’s source is tested, credited, and seeds under profile strict',
  async (t) => {
    const folder = temporaryFolder();
    const fifo = join(folder, 'fifo');
    const path = join(folder, 'c.toml');
    execFileSync('mkfifo', [fifo]);
    const feeder = spawn('sh', ['-c', `exec cat /dev/urandom > ${fifo}`]);
    t.teardown(() => feeder.kill());
    writeFileSync(
      path,
      `profile = "strict"
[[source]]
name = "quantum"
path = "${fifo}"
tested_bits_per_byte = 8
credited_bits_per_byte = 8
`,
    );
    const daemon = await startDaemonProgram(t, ['--config', path]);
    const client = connect({ socketPath: daemon.path });
    const quantum = async () =>
      (await client.health()).sources.find(({ name }) => name === 'quantum');
    await until(async () => (await quantum())?.state === 'passing', 'the startup test of the FIFO');
    t.match(await quantum(), { path: fifo, state: 'passing', creditedBitsPerByte: 8, alarms: 0 });
    await client.random(32);
    t.match((await client.health()).state, /^(operational|degraded)$/);
    await client.close();
    t.equal((await daemon.kill('SIGTERM')).status, 0);
  },
);

t.test('the entry runs the command line of its process', async (t) => {
  const { argv, exitCode } = process;
  const logged = t.capture(errorOutput, 'write');
  process.argv = [
    'node',
    'entropyd',
    'gateway',
    ...['--listen', '0.0.0.0:0', '--listen', '127.0.0.1:0'],
    ...['--page-host', 'a.example', '--socket', freePath()],
  ];
  await import('../src/entropyd.js');
  t.equal(process.exitCode, 1);
  Object.assign(process, { argv, exitCode });
  t.match(logged(), [{ args: [/^entropyd: refusing to listen on 0\.0\.0\.0:\d+: /] }]);
  process.emit('SIGTERM', 'SIGTERM');
});

t.test('the health of a day is kept in the state directory, across restarts', async (t) => {
  const directory = join(temporaryFolder(), 'state');
  mkdirSync(directory);
  const env = { ...environment, STATE_DIRECTORY: `${directory}:/nonexistent` };
  const file = join(directory, 'history.json');
  for (const starts of [1, 2]) {
    const daemon = await startDaemonProgram(t, [], { env });
    // Seeded: the state has changed.
    await untilAnswers(daemon.path);
    t.match(await daemon.kill('SIGTERM'), { status: 0 });
    const { records, transitions } = JSON.parse(readFileSync(file, 'utf8'));
    // A process that ended within a millisecond has none.
    t.ok(records.length <= starts, 'the last interval of each process');
    t.ok(transitions.length >= starts, 'changes of state, of earlier processes too');
    t.equal(statSync(file).mode & 0o777, 0o600);
  }
  writeFileSync(file, 'not JSON');
  const daemon = await startDaemonProgram(t, [], { env });
  await daemon.says('history file is unusable');
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
  t.equal(readFileSync(`${file}.corrupt`, 'utf8'), 'not JSON');
});
