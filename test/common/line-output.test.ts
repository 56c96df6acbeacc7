import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { connect } from '../../src/client/client.js';
import { LineOutput, nonBlocking } from '../../src/common/line-output.js';
import type { Every } from '../../src/common/timer.js';
import { call } from '../support/gateway.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { built, lines, Program } from '../support/program.js';
import { programMs, until } from '../support/until.js';

const eagain = () => Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' });

/** An output with a test's own timer, and a reader that takes what the test says. */
function start(limitBytes = 100) {
  const running = new Set<() => void>();
  const timer: Every = (action) => {
    running.add(action);
    return () => running.delete(action);
  };
  const reader = {
    fault: undefined as Error | undefined,
    room: Infinity,
    text: '',
    told: [] as number[],
  };
  const output = new LineOutput(-1, {
    limitBytes,
    timer,
    write(bytes) {
      if (reader.fault !== undefined) throw reader.fault;
      if (reader.room === 0) throw eagain();
      const taken = Math.min(bytes.length, reader.room);
      reader.room -= taken;
      reader.text += Buffer.from(bytes.subarray(0, taken)).toString();
      return taken;
    },
  });
  output.whenDropped = (dropped) => {
    reader.told.push(dropped);
    output.write(`${dropped} dropped\n`);
  };
  return {
    output,
    reader,
    running,
    retry() {
      for (const action of [...running]) action();
    },
  };
}

t.test('a line is written at once', async (t) => {
  const { output, reader } = start();
  output.write('a\n');
  t.equal(reader.text, 'a\n');
  output.write('ä\n');
  t.equal(reader.text, 'a\nä\n');
});

t.test('whatever the failure, lines wait up to a limit, whole and in order', async (t) => {
  const before = process.listenerCount('exit');
  for (const code of ['EAGAIN', 'ENOSPC', 'EIO', 'EPIPE', 'ENXIO']) {
    const { output, reader, retry, running } = start(10);
    reader.fault = Object.assign(new Error(code), { code });
    for (const line of ['aa\n', 'bb\n', 'cc\n', 'dd\n', 'ee\n']) output.write(line);
    retry();
    t.equal(output.dropped, 2, code);
    reader.fault = undefined;
    t.equal(reader.text, '');
    retry();
    t.equal(reader.text, 'aa\nbb\ncc\n2 dropped\n', 'the first lines, and how many are missing');
    output.write('ff\n');
    t.match(reader.text, /\nff\n$/);
    t.strictSame([output.dropped, reader.told], [2, [2]]);
    t.equal(running.size, 0, 'no timer is left');
  }
  t.equal(process.listenerCount('exit'), before);
});

t.test('a line that is taken in part is continued', async (t) => {
  const { output, reader, retry } = start();
  reader.room = 3;
  output.write('abcdef\n');
  output.write('next\n');
  t.equal(reader.text, 'abc');
  reader.room = 2;
  retry();
  t.equal(reader.text, 'abcde');
  reader.room = Infinity;
  retry();
  t.equal(reader.text, 'abcdef\nnext\n');
  t.equal(output.dropped, 0);
});

t.test('when the process ends it is tried once more', async (t) => {
  const { output, reader, retry } = start();
  const known = new Set(process.listeners('exit'));
  reader.fault = eagain();
  output.write('last\n');
  const [added] = process.listeners('exit').filter((listener) => !known.has(listener));
  added?.(0);
  t.equal(reader.text, '');
  reader.fault = undefined;
  added?.(0);
  t.equal(reader.text, 'last\n');
  retry();
});

t.test('a pipe, and a FIFO, is opened again; its own flags stay', async (t) => {
  const fifo = freePath();
  spawnSync('mkfifo', [fifo]);
  const fd = openSync(fifo, constants.O_RDWR);
  const other = nonBlocking(fd);
  t.not(other, fd);
  t.equal(nonBlocking(fd), other, 'once');
  const flags = (of: number) =>
    /flags:\t(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${of}`, 'utf8'))?.[1];
  const isNonBlocking = (of: number) =>
    (Number.parseInt(flags(of) ?? '', 8) & constants.O_NONBLOCK) !== 0;
  t.ok(isNonBlocking(other));
  t.notOk(isNonBlocking(fd), 'other processes may share it');
  closeSync(fd);
});

t.test('a FIFO without a reader is tried again, and others are used as they are', async (t) => {
  const fifo = freePath();
  spawnSync('mkfifo', [fifo]);
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(fifo, constants.O_WRONLY);
  closeSync(reader);
  t.throws(() => nonBlocking(fd), { code: 'ENXIO' });
  const again = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  writeSync(nonBlocking(fd), 'x');
  t.equal(readSync(again, Buffer.alloc(2)), 1);
  const file = openSync(join(temporaryFolder(), 'file'), 'w');
  t.equal(nonBlocking(file), file);
  for (const each of [fd, again, file]) closeSync(each);
});

t.test('a socket is made non-blocking', async (t) => {
  const script = `import { nonBlocking } from ${JSON.stringify(new URL('../../dist/common/line-output.js', import.meta.url).href)};
    import { writeSync } from 'node:fs';
    let bytes = 0;
    try { for (;;) bytes += writeSync(nonBlocking(2), Buffer.alloc(1000)); }
    catch ({ code }) { process.stdout.write(code + ' ' + (nonBlocking(2) === 2)); }`;
  // The standard streams that Node makes for a child are sockets. Nobody reads this one.
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: programMs,
  });
  const [printed] = await once(child.stdout, 'data');
  t.equal(String(printed), 'EAGAIN true');
  await once(child, 'exit');
});

/** Starts the built program with this standard error, in a shell that opens it. */
function program(t: Test, redirection: string, args: readonly string[]): Program {
  return new Program(t, [process.execPath, built('entropyd'), ...args], {
    script: `exec "$0" "$@" ${redirection}`,
  });
}

/** A FIFO that is full and that nobody reads; the descriptor keeps it open. */
function fullPipe(t: Test) {
  const path = freePath();
  spawnSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => closeSync(fd));
  try {
    for (;;) writeSync(fd, Buffer.alloc(4096, '\n'));
  } catch {}
  /** All that is in it. */
  const read = () => {
    let text = '';
    try {
      for (const bytes = Buffer.alloc(65_536); ; )
        text += bytes.toString('utf8', 0, readSync(fd, bytes));
    } catch {}
    return text.replace(/^\n+/, '');
  };
  return { path, read };
}

const asRoot = process.geteuid?.() === 0;

/** Standard errors that take nothing, each with a way to make room and see what came. */
const stuck: Record<string, (t: Test) => { redirection: string; read?: () => string } | undefined> =
  {
    'a full device': () => (existsSync('/dev/full') ? { redirection: '2>/dev/full' } : undefined),
    'a FIFO that nobody reads': (t) => {
      const { path, read } = fullPipe(t);
      return { redirection: `2<>${path}`, read };
    },
    'a full disk': (t) => {
      if (!asRoot) return undefined;
      const folder = join(temporaryFolder(), 'disk');
      mkdirSync(folder);
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', folder]).status !== 0)
        return undefined;
      t.teardown(() => spawnSync('umount', ['-l', folder]));
      spawnSync('dd', ['if=/dev/zero', `of=${folder}/filling`, 'bs=1k', 'count=99']);
      const log = join(folder, 'log');
      return {
        redirection: `2>${log}`,
        read() {
          spawnSync('mount', ['-o', 'remount,size=4m', folder]);
          return readFileSync(log, 'utf8');
        },
      };
    },
  };

for (const [name, prepare] of Object.entries(stuck))
  t.test(`daemon and gateway serve and end with their log on ${name}`, async (t) => {
    const [one, two] = [
      prepare(t),
      name === 'a full disk' ? { redirection: '2>/dev/full' } : prepare(t),
    ];
    if (one === undefined || two === undefined) return void t.comment('not possible here');
    const [path, http] = [freePath(), freePath()];
    const daemon = program(t, one.redirection, ['--socket', path]);
    const gateway = program(t, two.redirection, [
      ...['gateway', '--listen', `unix:${http}`, '--socket', path],
    ]);
    const client = connect({ socketPath: path });
    t.teardown(() => client.close());
    await until(
      () =>
        client.random(16).then(
          () => true,
          () => false,
        ),
      'the daemon serves',
    );
    const healthy = async () =>
      (await call({ socketPath: http, path: '/healthz', headers: { host: 'localhost' } })).status;
    await until(
      () =>
        healthy().then(
          (status) => status === 200,
          () => false,
        ),
      'the gateway serves',
    );
    for (const { child } of [daemon, gateway]) child.kill('SIGHUP');
    t.equal((await client.random(16)).length, 16, 'after a reload too');
    t.match(await client.metrics(), /^entropyd_log_dropped_total 0$/m, 'nothing is dropped yet');
    if (one.read !== undefined) {
      const { read } = one;
      let log = '';
      const more = () => {
        log += read();
        return log;
      };
      await until(() => more().includes('generator reseeded'), 'the lines, once there is room');
      t.match(JSON.parse(lines(log)[0] ?? ''), { msg: 'entropyd listening' }, 'from the first on');
    }
    t.equal((await gateway.kill('SIGTERM')).status, 0);
    t.equal((await daemon.kill('SIGTERM')).status, 0);
  });

t.test('a program that cannot start says so without waiting', async (t) => {
  const { path, read } = fullPipe(t);
  const refused = program(t, `2<>${path}`, ['gateway', '--listen', 'nowhere']);
  t.equal((await refused.ended).status, 1);
  t.equal(read(), '', 'there was no room');
  const told = program(t, `2<>${path}`, ['gateway', '--listen', 'nowhere']);
  t.equal((await told.ended).status, 1);
  t.match(read(), /^entropyd: .*nowhere.*\n$/, 'and now there is');
});

t.test('a log that drops lines says how many, once it can', async (t) => {
  const { path, read } = fullPipe(t);
  const script = `import { createLogger } from ${JSON.stringify(built('common/log'))};
    const log = await createLogger();
    for (let i = 0; i < 10_000; i++) log.info({ i }, 'one of many');
    process.stdout.write('logged');
    setInterval(() => {}, 1000);`;
  const child = new Program(t, [process.execPath, '--input-type=module', '-e', script], {
    script: `exec "$0" "$@" 2<>${path}`,
  });
  await once(child.child.stdout as NodeJS.ReadableStream, 'data');
  let log = '';
  await until(() => {
    log += read();
    return log.includes('lines were dropped');
  }, 'the report');
  const records = lines(log).map((line) => JSON.parse(line));
  const { level, dropped } = records.at(-1);
  t.equal(level, 'error');
  t.equal(records.length - 1 + dropped, 10_000, 'every line is there or counted');
  t.strictSame(
    records.slice(0, -1).map(({ i }) => i),
    Array.from({ length: 10_000 - dropped }, (_, i) => i),
  );
});
