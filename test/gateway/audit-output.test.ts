import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Addon, loadAddon } from '../../src/common/package.js';
import { createAudit } from '../../src/gateway/audit.js';
import { openAuditOutput } from '../../src/gateway/audit-output.js';
import { auditEntry as entry, memoryLog } from '../support/gateway.js';
import { freePath, temporaryFolder } from '../support/paths.js';
import { programMs, until } from '../support/until.js';

const dir = t.testdir();
const addon = loadAddon().addon as Addon;
const line = (text: string) => Buffer.from(`${JSON.stringify({ text })}\n`);
t.test('a file is appended to; a new one is its owner’s alone', async (t) => {
  const path = join(dir, 'file');
  writeFileSync(path, 'earlier\n', { mode: 0o640 });
  const output = await openAuditOutput(path);
  t.equal(await output.write([line('a'), line('b')]), 2);
  output.close();
  t.equal(readFileSync(path, 'utf8'), 'earlier\n{"text":"a"}\n{"text":"b"}\n');
  t.equal(statSync(path).mode & 0o777, 0o640, 'one that is there keeps its mode');
  const made = join(dir, 'new');
  (await openAuditOutput(made)).close();
  t.equal(statSync(made).mode & 0o777, 0o600);
});

t.test('refuses links, FIFOs and folders, and what cannot be opened', async (t) => {
  const [target, link, fifo, folder] = ['target', 'link', 'fifo', 'folder'].map((name) =>
    join(dir, name),
  ) as [string, string, string, string];
  symlinkSync(target, link);
  execFileSync('mkfifo', [fifo]);
  mkdirSync(folder);
  for (const [path, reason] of [
    [link, 'it is a symbolic link'],
    [fifo, /ENXIO/],
    [folder, /EISDIR/],
    ['/dev/null', 'want a regular file'],
    [join(dir, 'none', 'file'), /ENOENT/],
  ] as const)
    await t.rejects(openAuditOutput(path), {
      code: 'ERR_CONFIG',
      message: typeof reason === 'string' ? `audit log ${path}: ${reason}` : reason,
    });
  t.notOk(existsSync(target), 'nothing is made where a link points');
});

t.test('a word that is none of the three is no file: a path has a slash', async (t) => {
  for (const target of ['', 'jurnal', 'audit.jsonl'])
    await t.rejects(openAuditOutput(target), {
      code: 'ERR_CONFIG',
      message: `audit log ${target}: want -, journal, syslog, or the path of a file with a slash (./NAME)`,
    });
});

t.test('refuses a file that others than its owner and readers can reach', async (t) => {
  const path = join(dir, 'foreign');
  for (const [mode, accepted] of [
    [0o600, true],
    [0o640, true],
    [0o400 | 0o200, true],
    [0o666, false],
    [0o660, false],
    [0o644, false],
    [0o602, false],
  ] as const) {
    writeFileSync(path, '');
    chmodSync(path, mode);
    const octal = mode.toString(8);
    if (accepted) (await openAuditOutput(path)).close();
    else
      await t.rejects(openAuditOutput(path), {
        code: 'ERR_CONFIG',
        message: `audit log ${path}: mode 0${octal} lets other users reach it; chmod 640 it`,
      });
    unlinkSync(path);
  }
});

const asRoot = { skip: process.geteuid?.() !== 0 && 'needs root' };

t.test('refuses a file of another user', asRoot, async (t) => {
  const path = join(dir, 'of another');
  writeFileSync(path, '', { mode: 0o600 });
  chownSync(path, 12345, 0);
  await t.rejects(openAuditOutput(path), {
    message: `audit log ${path}: it belongs to user 12345, and this process runs as user 0; chown it`,
  });
});

t.test('opening a file again finds the one that is at its path now', async (t) => {
  const path = join(dir, 'rotated');
  const first = await openAuditOutput(path);
  await first.write([line('a')]);
  renameSync(path, `${path}.1`);
  const second = await first.reopen();
  first.close();
  await second.write([line('b')]);
  second.close();
  t.equal(readFileSync(`${path}.1`, 'utf8'), '{"text":"a"}\n');
  t.equal(readFileSync(path, 'utf8'), '{"text":"b"}\n');
});

// A disk that is full takes lines in part. A small file system is made for it, if that is allowed here.

/** A full disk of a few pages, until the test ends; undefined if this process cannot mount one. */
function smallDisk(t: Test, name: string): string | undefined {
  const folder = join(temporaryFolder(), name);
  mkdirSync(folder);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=32k,mode=700', 'none', folder]);
  if (status !== 0) return undefined;
  t.teardown(() => execFileSync('umount', ['-l', folder]));
  return folder;
}

/** Fills a disk to its last byte. */
function fill(folder: string): void {
  try {
    for (;;) appendFileSync(join(folder, 'filling'), Buffer.alloc(512));
  } catch {}
}

const mountable = {
  skip:
    (process.geteuid?.() !== 0 || spawnSync('mount', ['--version']).status !== 0) && 'needs root',
};

t.test(
  'a full disk keeps no part of a line, and loses none over a rotation',
  mountable,
  async (t) => {
    const folder = smallDisk(t, 'full');
    if (folder === undefined) return void t.comment('no file system can be mounted here');
    const path = join(folder, 'audit');
    const log = memoryLog();
    const output = await openAuditOutput(path);
    const audit = createAudit(output, log);
    for (let i = 0; i < 1000; i++) void audit.write({ ...entry, size: i });
    await until(() => log.records.length > 0, 'the disk is full');
    t.match(log.records[0], { reason: /no space/i });
    const onDisk = () => readFileSync(path, 'utf8');
    t.ok(onDisk().length > 20_000);
    await until(() => onDisk().endsWith('}\n'), 'the last line is whole');
    // As logrotate does, on a disk that is still full; then somebody makes room.
    renameSync(path, join(folder, 'audit.1'));
    audit.adopt(await output.reopen());
    for (let i = 1000; i < 1010; i++) void audit.write({ ...entry, size: i });
    execFileSync('mount', ['-o', 'remount,size=4m', folder]);
    await until(() => onDisk().includes('"seq":1010,'), 'all are written');
    await audit.close();
    // Not before: a write that is under way has its part for a moment, until it is removed.
    const rotated = readFileSync(join(folder, 'audit.1'), 'utf8');
    const records = (rotated + onDisk())
      .trimEnd()
      .split('\n')
      .map((each) => JSON.parse(each));
    t.strictSame(
      records.map(({ seq }) => seq),
      Array.from({ length: 1010 }, (_, i) => i + 1),
      'each once, in order',
    );
    t.equal(audit.dropped, 0);
  },
);

t.test('a part is continued if somebody else writes to the file too', mountable, async (t) => {
  const folder = smallDisk(t, 'shared');
  if (folder === undefined) return void t.comment('no file system can be mounted here');
  const path = join(folder, 'audit');
  const output = await openAuditOutput(path);
  appendFileSync(path, 'foreign\n');
  fill(folder);
  const long = line('x'.repeat(6000));
  const took = await output.write([long]).catch(({ code }) => code);
  t.ok([0, 'ENOSPC'].includes(took), `${took}`);
  execFileSync('mount', ['-o', 'remount,size=4m', folder]);
  t.equal(await output.write([long, line('b')]), 2);
  output.close();
  t.equal(readFileSync(path, 'utf8'), `foreign\n${long}{"text":"b"}\n`);
});

t.test('standard output is not waited for, and a pipe gets whole lines', async (t) => {
  const script = `import { openAuditOutput } from ${JSON.stringify(new URL('../../dist/gateway/audit-output.js', import.meta.url).href)};
    const output = await openAuditOutput('-');
    const line = Buffer.from('x'.repeat(999) + '\\n');
    let [taken, code] = [0];
    while (code === undefined) taken += await output.write(Array(10).fill(line)).catch((error) => { code = error.code; return 0; });
    console.error(taken, code, (await output.reopen()) === output);`;
  // The shell holds both ends of the pipe, and reads nothing before the program has ended.
  const { stdout, stderr } = spawnSync(
    'sh',
    [
      '-c',
      'mkfifo "$1"; exec 3<>"$1"; "$2" --input-type=module -e "$3" >&3; exec 4<"$1" 3>&-; cat <&4',
      'sh',
      freePath(),
      process.execPath,
      script,
    ],
    { encoding: 'utf8', timeout: programMs },
  );
  const [, taken, code, same] = /^(\d+) (\w+) (\w+)\n$/.exec(stderr) ?? [];
  t.strictSame([code, same], ['EAGAIN', 'true']);
  t.ok(Number(taken) >= 60, `${taken} lines`);
  t.equal(stdout, `${'x'.repeat(999)}\n`.repeat(Number(taken)));
});

/** A journal that listens on a path, and what each of its connections received. */
async function startJournal(t: Test, path = freePath()) {
  const received: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const at = received.push('') - 1;
    sockets.push(socket);
    socket.setEncoding('utf8').on('data', (text) => {
      received[at] = `${received[at]}${text}`;
    });
    socket.on('error', () => {});
  }).listen(path);
  await once(server, 'listening');
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  t.teardown(stop);
  return { path, received, sockets, stop };
}

const header = 'entropyd-audit\n\n6\n0\n0\n0\n0\n';

t.test('the journal gets a header and the lines, and is connected to again', async (t) => {
  const journal = await startJournal(t);
  const output = await openAuditOutput('journal', { journal: journal.path });
  t.equal(await output.write([line('a'), line('b')]), 2);
  await until(() => journal.received[0]?.endsWith('"b"}\n') ?? false, 'the lines');
  t.equal(journal.received[0], `${header}{"text":"a"}\n{"text":"b"}\n`);
  t.equal(await output.reopen(), output, 'nothing is rotated');
  await journal.stop();
  await until(
    () =>
      output.write([line('c')]).then(
        () => false,
        () => true,
      ),
    'a write fails while there is no journal',
  );
  const again = await startJournal(t, journal.path);
  t.equal(await output.write([line('d')]), 1);
  await until(() => again.received[0]?.endsWith('"d"}\n'), 'the next line');
  t.equal(again.received[0], `${header}{"text":"d"}\n`);
  output.close();
});

t.test('a journal that does not read is not waited for, and gets whole lines', async (t) => {
  const journal = await startJournal(t);
  const output = await openAuditOutput('journal', { journal: journal.path });
  await until(() => journal.sockets.length > 0, 'the connection');
  journal.sockets[0]?.pause();
  const long = line('x'.repeat(3000));
  let taken = 0;
  const fault = await (async () => {
    for (;;) taken += await output.write(Array(50).fill(long));
  })().catch((error) => error);
  t.equal(fault.code, 'EAGAIN');
  journal.sockets[0]?.resume();
  await until(
    () => (journal.received[0]?.length ?? 0) >= header.length + taken * long.length,
    'all',
  );
  t.equal(journal.received[0]?.length, header.length + taken * long.length);
  t.equal(journal.received.length, 1, 'over one connection');
  output.close();
});

/** Receives datagrams at a path: Python, since Node has no such sockets. */
function syslogAt(path: string, count: number): string[] {
  return [
    'import socket, sys',
    's = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)',
    `s.bind(${JSON.stringify(path)})`,
    's.settimeout(60)',
    'print("bound", flush=True)',
    'sys.stdin.readline()',
    `for _ in range(${count}): print(s.recv(65536).decode(), flush=True)`,
  ];
}

t.test('syslog gets a datagram a line, as syslog(3) sends it, and is not waited for', async (t) => {
  const { spawn } = await import('node:child_process');
  const path = freePath();
  const child = spawn('python3', ['-c', syslogAt(path, 10).join('\n')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill());
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  await until(() => printed.startsWith('bound\n'), 'a receiver');
  const output = await openAuditOutput('syslog', { addon, syslog: path });
  // Nothing is received yet: the queue of the socket has room for some (net.unix.max_dgram_qlen).
  let taken = 0;
  const fault = await (async () => {
    for (;;) taken += await output.write(Array(20).fill(line('a')));
  })().catch((error) => error);
  t.equal(fault.code, 'EAGAIN');
  t.ok(taken >= 10, `${taken} taken`);
  child.stdin.end('\n');
  await once(child, 'close');
  const [, ...lines] = printed.trimEnd().split('\n');
  t.equal(lines.length, 10);
  const now = '[A-Z][a-z]{2} [ 123][0-9] \\d\\d:\\d\\d:\\d\\d';
  for (const each of lines)
    t.match(each, new RegExp(`^<86>${now} entropyd-audit\\[${process.pid}\\]: {"text":"a"}$`));
  await t.rejects(output.write([line('b')]), { code: 'ECONNREFUSED' });
  t.equal(await output.reopen(), output);
  output.close();
});

t.test('refuses a journal and a syslog that are not there', async (t) => {
  const none = freePath();
  const file = join(dir, 'no socket');
  writeFileSync(file, '');
  for (const [target, places, message] of [
    ['journal', { journal: none }, /^audit log journal: .*ENOENT/],
    ['syslog', { addon, syslog: none }, /^audit log syslog: .*ENOENT/],
    ['syslog', { addon, syslog: file }, `audit log syslog: ${file} is not a socket`],
    ['syslog', {}, 'audit log syslog: only the addon can send to it, and there is none'],
  ] as const)
    await t.rejects(openAuditOutput(target, places), { code: 'ERR_CONFIG', message });
});
