import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { EntropyError } from '../src/common/errors.js';
import { version } from '../src/common/package.js';
import { createGenerator } from '../src/generator/create.js';
import { fakeGenerator, startFake, startServer } from './support/daemon.js';
import { freePath, temporaryFolder } from './support/paths.js';
import {
  built,
  environment,
  exitCodeOf,
  lines,
  Program,
  printedBy,
  run,
  startDaemonProgram,
} from './support/program.js';
import { pack, unpackAll } from './support/raw.js';
import { until } from './support/until.js';

const mebibyte = 1024 * 1024;

/** How many bytes entropyctl prints, and how it ends. */
async function printed(
  t: Parameters<typeof startServer>[0],
  args: string[],
): Promise<{ size: number; status: number | null }> {
  const program = new Program(t, [built('entropyctl'), ...args]);
  let size = 0;
  program.child.stdout?.on('data', (data: string) => {
    size += data.length;
  });
  const { status } = await program.ended;
  return { size, status };
}

t.test('--help and --version print and succeed', async (t) => {
  t.match(await run(t, 'entropyctl', ['--help']), { status: 0, stdout: /random(?:.|\n)*health/ });
  t.match(await run(t, 'entropyctl', ['--version']), { status: 0, stdout: `${version}\n` });
  t.match(await run(t, 'entropyctl', ['random', '--help']), { status: 0, stdout: /--format/ });
});

t.test('a usage error is one line and exit code 64', async (t) => {
  for (const [args, fault] of [
    [['--bogus'], "unknown option '--bogus'"],
    [['rnadom', '1'], "unknown command 'rnadom' (Did you mean random?)"],
    [['random'], "missing required argument 'N'"],
    [['random', '1', '2'], 'too many arguments'],
    [['random', '0'], 'N: want 1 byte or more'],
    [['random', '32k'], 'N: want 1 byte or more'],
    [
      ['random', '32', '--format', 'xml'],
      /Allowed choices are raw, hex, base64, uuid, password, aws, gen-random\./,
    ],
    [['random', '17', '--format', 'uuid'], 'N: uuid takes a multiple of 16 bytes: 17'],
    [['random', '1025', '--format', 'aws'], 'N: this format takes 1 to 1024 bytes: 1025'],
    [['random', '2K', '--format', 'gen-random'], 'N: this format takes 1 to 1024 bytes: 2048'],
    [['random', '8', '--exclude', 'a'], '--exclude and --no-punctuation are for --format password'],
    [['health', 'x'], 'too many arguments'],
    [['health', '--socket'], "option '--socket <path>' argument missing"],
  ] as const) {
    const { status, stdout, stderr } = await run(t, 'entropyctl', args);
    t.equal(status, 64, args.join(' '));
    t.equal(stdout, '');
    t.equal(lines(stderr).length, 1, stderr);
    t.match(stderr, /^entropyctl: /);
    t.match(stderr, fault);
  }
  t.match(await run(t, 'entropyctl', []), { status: 64, stdout: '', stderr: /Usage: entropyctl/ });
});

t.test('assess needs no daemon, and reports what is wrong', async (t) => {
  const [short, wide] = ['short', 'wide'].map((name) => join(temporaryFolder(), name)) as [
    string,
    string,
  ];
  writeFileSync(short, 'x');
  writeFileSync(wide, Buffer.alloc(10_000, 'samples'));
  const args = ['assess', '--input', wide, '--json'];
  const { status, stdout, stderr } = await run(t, 'entropyctl', args);
  t.strictSame([status, stderr], [0, '']);
  t.match(JSON.parse(stdout), { samples: 10_000, bitsPerSymbol: 7, distinct: 6 });
  t.ok(JSON.parse(stdout).minEntropy < 0.01, 'what repeats has no entropy');
  for (const [options, wanted] of [
    [[], [64, /^entropyctl: assess: want a source, or --input FILE$/]],
    [
      ['jitter', '--input', wide],
      [64, /: want a source, or --input FILE$/],
    ],
    [
      ['jitter', '--restart-input', wide],
      [64, /^entropyctl: --restart-input is for --input$/],
    ],
    [
      ['--input', wide, '--samples', '7000'],
      [64, /^entropyctl: --samples is for a source/],
    ],
    [
      ['--input', wide, '--restarts', '100x100'],
      [64, /^entropyctl: --restarts: want --restart-input FILE/],
    ],
    [
      ['--input', wide, '--restart-input', wide],
      [1, /^entropyctl: cannot assess .*: want 1000 times 1000 bytes: 10000$/],
    ],
    [['nonsense'], [1, /^entropyctl: no such noise source: nonsense; there are rdseed/]],
    [
      ['--input', wide, '--bits-per-symbol', '9'],
      [64, /: want 1 to 8: 9$/],
    ],
    [
      ['--input', short],
      [1, /^entropyctl: cannot assess .*: want at least 6012 samples/],
    ],
    [
      ['--input', wide, '--bits-per-symbol', '6'],
      [1, /byte 0 is 115, which takes more than 6 bits$/],
    ],
    [
      ['--input', '/nonexistent'],
      [1, /^entropyctl: cannot read \/nonexistent: ENOENT/],
    ],
  ] as const) {
    const ended = await run(t, 'entropyctl', ['assess', ...options]);
    t.strictSame([ended.status, ended.stdout], [wanted[0], ''], options.join(' '));
    t.equal(lines(ended.stderr).length, 1);
    t.match(ended.stderr.trimEnd(), wanted[1]);
  }
});

t.test('random prints exactly N bytes, in every format', async (t) => {
  const { path } = await startServer(t);
  for (const [args, pattern] of [
    [['32', '--format', 'hex'], /^[0-9a-f]{64}\n$/],
    [['33', '--format', 'base64'], /^[A-Za-z0-9+/]{44}\n$/],
    [
      ['32', '--format', 'uuid'],
      /^([0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\n){2}$/,
    ],
    [['32', '--format', 'aws'], /^\{"Plaintext":"[A-Za-z0-9+/]{43}="\}\n$/],
    [['20', '--format', 'password', '--no-punctuation'], /^[A-Za-z0-9]{20}\n$/],
    [['20', '--format', 'password', '--exclude', '/@"'], /^[^/@"]{20}\n$/],
    [['64', '--format', 'gen-random'], /^\{"random_data":"[0-9A-F]{128}"\}\n$/],
  ] as const) {
    const { status, stdout, stderr } = await run(t, 'entropyctl', [
      'random',
      ...args,
      '--socket',
      path,
    ]);
    t.strictSame([status, stderr], [0, ''], args.join(' '));
    t.match(stdout, pattern);
  }
  for (const [n, size] of [
    ['1', 1],
    ['4K', 4096],
    ['3M', 3 * mebibyte],
  ] as const)
    t.strictSame(
      await printed(t, ['random', n, '--socket', path]),
      { size, status: 0 },
      `${n} is raw without a terminal`,
    );
});

t.test('random finds the socket by the environment', async (t) => {
  const { path } = await startServer(t);
  const env = { ...environment, ENTROPYD_SOCKET: path };
  t.match(await run(t, 'entropyctl', ['random', '4', '--format', 'hex'], { env }), {
    status: 0,
    stdout: /^[0-9a-f]{8}\n$/,
  });
});

t.test('random writes a file that is private to its owner', async (t) => {
  const { path } = await startServer(t);
  const output = join(temporaryFolder(), 'output');
  const args = ['random', '100K', '--socket', path, '--output', output];
  t.match(await run(t, 'entropyctl', args), { status: 0, stdout: '', stderr: '' });
  t.match(statSync(output), { size: 102_400 });
  t.equal(statSync(output).mode & 0o777, 0o600);
});

t.test('random streams: its memory does not grow with N', async (t) => {
  const daemon = await startDaemonProgram(t);
  const program = new Program(t, [
    built('entropyctl'),
    ...['random', '256M', '--socket', daemon.path],
  ]);
  let size = 0;
  let peakKiB = 0;
  program.child.stdout?.on('data', (data: string) => {
    size += data.length;
    if (size < 250 * mebibyte || peakKiB > 0) return;
    const status = readFileSync(`/proc/${program.child.pid}/status`, 'utf8');
    peakKiB = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
  });
  t.match(await program.ended, { status: 0 });
  t.equal(size, 256 * mebibyte);
  t.ok(peakKiB > 0 && peakKiB < 200 * 1024, `${peakKiB} KiB`);
  t.match(await daemon.kill('SIGTERM'), { status: 0 });
});

t.test('a reader that goes away ends it as SIGPIPE would', async (t) => {
  const { path } = await startServer(t);
  const program = new Program(t, [built('entropyctl'), 'random', '1G', '--socket', path]);
  await once(program.child.stdout as NodeJS.ReadableStream, 'data');
  program.child.stdout?.destroy();
  t.match(await program.ended.then(({ status, stderr }) => ({ status, stderr })), {
    status: 141,
    stderr: '',
  });
});

t.test('every failure is one line: what, which path, what to do', async (t) => {
  const { path } = await startServer(t);
  const failing = await startServer(
    t,
    fakeGenerator({
      fill() {
        throw new EntropyError('ERR_HEALTH', 'not serving: rdseed failed a health test');
      },
    }),
  );
  const gone = freePath();
  const file = join(temporaryFolder(), 'no-socket');
  writeFileSync(file, '');
  const garbage = await startFake(t, (socket) =>
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  );
  const silent = await startFake(t, (socket) => socket.resume());
  const closing = await startFake(t, (socket) => socket.destroy());
  const none = join(temporaryFolder(), 'none', 'file');
  const folder = temporaryFolder();
  const out = join(folder, 'failed-output');
  const missing = `no daemon on ${gone} (ENOENT); start one with: entropyd --socket ${gone}`;
  const stranger =
    /^.* \(socket .*\); is this entropyd's socket\? pass the right one with --socket$/;
  const refused =
    / is for administrators .* \(socket .*\); run it as root, as the daemon's user or /;
  for (const [args, socket, code, line] of [
    [['random', '32'], gone, 'ERR_CONNECT', missing],
    [['random', '32', '--format', 'aws'], gone, 'ERR_CONNECT', missing],
    [['random', '32', '--format', 'gen-random'], gone, 'ERR_CONNECT', missing],
    [['random', '1M', '--output', out], gone, 'ERR_CONNECT', missing],
    [['status'], gone, 'ERR_CONNECT', missing],
    [['metrics', '--textfile', out], gone, 'ERR_CONNECT', missing],
    [
      ['status'],
      file,
      'ERR_CONNECT',
      `${file} is not a socket; pass the daemon's socket with --socket`,
    ],
    [['status'], garbage.path, 'ERR_MESSAGE', stranger],
    [['random', '32'], garbage.path, 'ERR_MESSAGE', stranger],
    [
      ['version'],
      silent.path,
      'ERR_TIMEOUT',
      /; the daemon is overloaded or hangs: see the daemon's log/,
    ],
    [['version'], closing.path, 'ERR_CLOSED', /; see the daemon's log/],
    [
      ['random', '32'],
      failing.path,
      'ERR_HEALTH',
      /not serving: rdseed failed a health test \(socket .*\); entropyctl status shows why; .*selftest/,
    ],
    [['random', '3M', '--output', out], failing.path, 'ERR_HEALTH', /^not serving/],
    [['reseed'], path, 'ERR_FORBIDDEN', refused],
    [['selftest'], path, 'ERR_FORBIDDEN', refused],
    [['noise', 'rdseed', '1', '--output', out], path, 'ERR_FORBIDDEN', refused],
    [
      ['random', '1M', '--output', none],
      path,
      'ENOENT',
      `cannot write ${none} (ENOENT): directory does not exist: create it or choose another path`,
    ],
    [
      ['random', '1M', '--output', join(file, 'x')],
      path,
      'ENOTDIR',
      /^cannot write .* part of the path is not a directory$/,
    ],
    [
      ['random', '1M', '--output', folder],
      path,
      'EISDIR',
      `cannot write ${folder} (EISDIR): it is a directory: name a file in it`,
    ],
    [
      ['random', '1M', '--output', '/dev/full'],
      path,
      'ENOSPC',
      /^cannot write \/dev\/full \(ENOSPC\): no space left: /,
    ],
    [['metrics', '--textfile', none], path, 'ENOENT', /^cannot write .* directory does not exist/],
  ] as const)
    for (const json of [false, true]) {
      const all = [...args, '--socket', socket, ...(json ? ['--json'] : [])];
      const { status, stdout, stderr } = await run(t, 'entropyctl', all);
      t.strictSame([status, stdout], [1, ''], all.join(' '));
      t.equal(lines(stderr).length, 1, stderr);
      const { message, ...rest } = json
        ? JSON.parse(stderr).error
        : { message: stderr.replace(/^entropyctl: /, '').trimEnd(), code };
      t.strictSame(rest, { code });
      t.match(message, line);
    }
  t.strictSame(
    readdirSync(folder).filter((name) => name === 'failed-output' || name.endsWith('.tmp')),
    [],
    'no part of a file stays',
  );
});

t.test('standard output that cannot be written is a failure too', async (t) => {
  const { path } = await startServer(t);
  for (const args of [['random', '1M'], ['status'], ['health'], ['version'], ['metrics']]) {
    const program = new Program(
      t,
      [process.execPath, built('entropyctl'), ...args, '--socket', path],
      {
        script: 'exec "$0" "$@" >/dev/full',
      },
    );
    t.match(await program.ended, {
      status: 1,
      stderr: /^entropyctl: cannot write standard output \(ENOSPC\): no space left/,
    });
  }
});

t.test('a reader that goes away is no message, for every command', async (t) => {
  const { path } = await startServer(t);
  for (const args of [['random', '64M'], ['status'], ['metrics']]) {
    const program = new Program(t, [built('entropyctl'), ...args, '--socket', path]);
    // Before the first write: the daemon that answers is in this process.
    program.child.stdout?.destroy();
    const { status, stderr } = await program.ended;
    t.strictSame({ status, stderr }, { status: 141, stderr: '' }, args.join(' '));
  }
});

t.test('a signal ends it without a message, and leaves no half-written file', async (t) => {
  const { path } = await startServer(t);
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    const folder = join(temporaryFolder(), signal);
    mkdirSync(folder);
    const output = join(folder, 'file');
    writeFileSync(output, 'old');
    const program = new Program(t, [
      built('entropyctl'),
      ...['random', '1000G', '--socket', path, '--output', output],
    ]);
    await until(() => readdirSync(folder).length > 1, 'the temporary file');
    t.match(await program.kill(signal), { status, stdout: '', stderr: '' });
    t.strictSame(readdirSync(folder), ['file']);
    t.equal(readFileSync(output, 'utf8'), 'old');
  }
});

t.test('a slow reader gets all of it', async (t) => {
  const { path, context } = await startServer(t);
  const go = join(temporaryFolder(), 'go');
  execFileSync('mkfifo', [go]);
  const program = new Program(
    t,
    [process.execPath, built('entropyctl'), 'random', '8M', '--socket', path],
    { script: '"$0" "$@" | { read -r _ <"$GO"; wc -c; }', env: { ...environment, GO: go } },
  );
  // Until then it has asked for all that it asks for ahead, and its pipe is full.
  await until(() => context.counters.requests >= 3, 'the first requests');
  await writeFile(go, '\n');
  t.match(await program.ended, { status: 0, stdout: /^\s*8388608\n$/, stderr: '' });
});

t.test('health is one line, and an exit code of the monitoring convention', async (t) => {
  const ok = await startServer(t, fakeGenerator());
  const fallback = await startServer(t, createGenerator({}, { reason: 'not built' }));
  const gone = freePath();
  const garbage = await startFake(t, (socket) =>
    socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
  );
  const foreign = await startFake(t, (socket) =>
    socket.on('data', (data) => {
      for (const [, id] of unpackAll(data)) socket.write(pack([1, id, null, { state: 'fine' }]));
    }),
  );
  for (const [path, status, line] of [
    [ok.path, 0, /^OK - operational, serving; sources passing: none \| uptime=\d+s;;;0; .+$/],
    [fallback.path, 1, /^WARNING - fallback, serving untested .*not built; /],
    [
      gone,
      2,
      `CRITICAL - no daemon on ${gone} (ENOENT); start one with: entropyd --socket ${gone}`,
    ],
    [garbage.path, 3, /^UNKNOWN - .+; is this entropyd's socket/],
    [foreign.path, 3, /^UNKNOWN - fine/],
  ] as const) {
    const ended = await run(t, 'entropyctl', ['health', '--socket', path]);
    t.equal(ended.status, status, ended.stdout);
    t.equal(ended.stderr, '');
    t.equal(lines(ended.stdout).length, 1);
    t.match(lines(ended.stdout)[0], line);
  }
  const json = await run(t, 'entropyctl', ['health', '--json', '--socket', ok.path]);
  t.match(JSON.parse(json.stdout), {
    verdict: 'OK',
    exitCode: 0,
    state: 'operational',
    healthy: true,
    sources: Array,
    figures: Array,
  });
});

t.test('the source entry runs the program too', async (t) => {
  const { argv } = process;
  process.argv = ['node', 'entropyctl', 'health', '--socket', freePath()];
  let text = '';
  const code = await exitCodeOf(async () => {
    text = await printedBy(t, () => import('../src/entropyctl.js'));
  });
  process.argv = argv;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(signal);
  t.equal(code, 2);
  t.match(text, /^CRITICAL - no daemon on /);
});

t.test('every command asks the real daemon, whatever its hardware sources do', async (t) => {
  const { path } = await startDaemonProgram(t);
  const ask = (command: string) => run(t, 'entropyctl', [command, '--socket', path]);
  const serving = /^(operational|degraded)/m;
  t.match(await ask('health'), { stdout: /^(OK|WARNING) - (operational|degraded).*getrandom/ });
  t.match(await ask('status'), { status: 0, stdout: /^State +(operational|degraded)/m });
  const { status, stdout } = await ask('selftest');
  t.match(stdout, /^getrandom: passing$(?:.|\n)*^(passed|failed); /m);
  t.equal(status, /^passed; /m.test(stdout) ? 0 : 1);
  const reseeded = await ask('reseed');
  t.match(reseeded, { status: 0, stdout: /; seeds since the start: \d+$/m });
  t.match(reseeded.stdout, serving);
  t.match(await ask('version'), {
    status: 0,
    stdout: `entropyctl ${version}\nentropyd ${version}, `,
  });
  t.match(await ask('metrics'), { status: 0, stdout: /^entropyd_reseeds_total \d+$/m });
  t.strictSame(await printed(t, ['noise', 'getrandom', '100K', '--socket', path]), {
    size: 102_400,
    status: 0,
  });
});

const asAnotherUser = process.getuid?.() === 0 ? {} : { skip: 'only root can act as another user' };

t.test(
  'the kernel tells users apart, and a socket may have no administrators',
  asAnotherUser,
  async (t) => {
    const nobody = 65_534;
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    const [config, open, closed] = ['users.toml', 'open.sock', 'closed.sock'].map((name) =>
      join(folder, name),
    ) as [string, string, string];
    writeFileSync(
      config,
      `[[listen]]\npath = "${open}"\n[[listen]]\npath = "${closed}"\nadmin = false\n`,
    );
    const daemon = new Program(t, [built('entropyd'), '--config', config]);
    await daemon.says('entropyd listening');
    for (const [uid, socket, refused] of [
      [0, open, false],
      [nobody, open, true],
      [0, closed, true],
    ] as const) {
      const child = new Program(t, [built('entropyctl'), 'reseed', '--socket', socket], { uid });
      const { status, stdout, stderr } = await child.ended;
      if (!refused) t.match({ status, stdout }, { status: 0, stdout: /^(operational|degraded)/ });
      else t.match({ status, stderr }, { status: 1, stderr: /is for administrators/ });
    }
    const random = new Program(t, [built('entropyctl'), 'random', '8', '--socket', open], {
      uid: nobody,
    });
    t.equal((await random.ended).status, 0, 'random is for everyone');
    await daemon.kill('SIGTERM');
  },
);
