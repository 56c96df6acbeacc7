import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import {
  createAtomicFile,
  openFifo,
  openOutput,
  outputFailure,
  StreamOutput,
  withOutput,
} from '../../src/entropyctl/output.js';
import { temporaryFolder } from '../support/paths.js';
import { built, printedBy } from '../support/program.js';

t.test('no path and /dev/stdout mean standard output', async (t) => {
  for (const path of [undefined, '/dev/stdout'])
    t.equal(
      await printedBy(t, async () => {
        const output = await openOutput(path);
        await output.write('to ');
        await output.write(Buffer.from('be read'));
        await output.finish();
      }),
      'to be read',
    );
});

t.test('a device is written directly, and stays a device', async (t) => {
  const output = await openOutput('/dev/null');
  await output.write('gone');
  await output.finish();
  output.discard();
  t.ok(statSync('/dev/null').isCharacterDevice());
  const full = await openOutput('/dev/full');
  await t.rejects(full.write('x'), { code: 'ENOSPC' });
  full.discard();
});

t.test('a FIFO is written directly', async (t) => {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const reading = createReadStream(path);
  const [output, read] = await Promise.all([
    openOutput(path).then(async (output) => {
      await output.write('through');
      await output.finish();
      return output;
    }),
    text(reading),
  ]);
  output.discard();
  t.equal(read, 'through');
  t.ok(statSync(path).isFIFO());
});

t.test('a descriptor in /dev/fd is written, not replaced', async (t) => {
  const path = join(temporaryFolder(), 'descriptor');
  const script = 'exec 5>"$1"; exec "$0" --input-type=module -e "$2" 5';
  const code = `const { openOutput } = await import(${JSON.stringify(built('entropyctl/output'))});
    for (const path of ['/dev/fd/5', '/proc/self/fd/5']) {
      const output = await openOutput(path);
      await output.write(path);
      await output.finish();
    }`;
  execFileSync('sh', ['-c', script, process.execPath, path, code]);
  t.equal(readFileSync(path, 'utf8'), '/proc/self/fd/5', 'as the shell’s > does');
});

t.test('a new file is private to its owner, an existing one keeps its mode', async (t) => {
  const path = join(temporaryFolder(), 'plain');
  const write = async (text: string, options?: Parameters<typeof openOutput>[1]) => {
    const output = await openOutput(path, options);
    await output.write(text);
    await output.finish();
  };
  await write('one');
  t.equal(statSync(path).mode & 0o777, 0o600);
  chmodSync(path, 0o640);
  await write('two');
  t.equal(statSync(path).mode & 0o777, 0o640);
  await write('three', { mode: 0o644, keepsMode: false });
  t.equal(statSync(path).mode & 0o777, 0o644);
  t.equal(readFileSync(path, 'utf8'), 'three');
});

t.test('a path where no file can be is refused', async (t) => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  await t.rejects(openOutput(temporaryFolder()), { code: 'EISDIR' });
  await t.rejects(openOutput(join(file, 'x')), { code: 'ENOTDIR' });
  await t.rejects(openOutput(join(temporaryFolder(), 'none', 'x')), { code: 'ENOENT' });
  t.ok(existsSync(file));
});

t.test('a stream gets the data in order, and its end', async (t) => {
  const stream = new PassThrough();
  const read = text(stream);
  const output = new StreamOutput(stream);
  await output.write('a');
  await output.write(Buffer.from('b'));
  await output.finish();
  output.discard();
  t.equal(await read, 'ab');
});

t.test('a failure rejects the write, and is not thrown besides', async (t) => {
  const output = new StreamOutput(
    new Writable({ write: (_data, _encoding, done) => done(new Error('full')) }),
  );
  await t.rejects(output.write('x'), { message: 'full' });
});

t.test('discard destroys the stream', async (t) => {
  const stream = new PassThrough();
  new StreamOutput(stream).discard();
  t.ok(stream.destroyed);
});

t.test('standard output is written, but not ended', async (t) => {
  const written = await printedBy(t, async () => {
    const output = new StreamOutput(process.stdout);
    await output.write('x');
    await output.finish();
    output.discard();
  });
  t.equal(written, 'x');
  t.notOk(process.stdout.destroyed || process.stdout.writableEnded);
});

t.test('a FIFO is opened once it has a reader, and nothing blocks until then', async (t) => {
  const path = join(temporaryFolder(), 'waiting');
  execFileSync('mkfifo', [path]);
  let pauses = 0;
  let read: Promise<string> | undefined;
  const socket = await openFifo(path, async () => {
    pauses++;
    // Opening for reading waits in another thread until the FIFO is opened for writing.
    read ??= text(createReadStream(path));
    await setImmediate();
  });
  t.ok(pauses > 0);
  socket.end('bytes');
  t.equal(await read, 'bytes');
  await t.rejects(openFifo(join(temporaryFolder(), 'none')), { code: 'ENOENT' });
});

let folders = 0;
function freshFolder(): string {
  const folder = join(temporaryFolder(), `atomic-${++folders}`);
  mkdirSync(folder);
  return folder;
}

t.test('a file appears on finish, complete and with its mode, and not before', async (t) => {
  const folder = freshFolder();
  const path = join(folder, 'file');
  for (const mode of [0o600, 0o644, 0o666]) {
    const before = readdirSync(folder).length;
    const file = await createAtomicFile(path, { mode });
    await file.write('one ');
    await file.write(Buffer.from(`mode ${mode}`));
    t.equal(readdirSync(folder).filter((name) => name === 'file').length, before);
    await file.finish();
    file.discard();
    t.equal(readFileSync(path, 'utf8'), `one mode ${mode}`);
    t.equal(statSync(path).mode & 0o7777, mode, 'whatever the umask');
    t.strictSame(readdirSync(folder), ['file']);
  }
});

t.test('a discarded file leaves the old one, and nothing else', async (t) => {
  const folder = freshFolder();
  const path = join(folder, 'file');
  writeFileSync(path, 'old');
  const listeners = process.listenerCount('exit');
  const file = await createAtomicFile(path, { mode: 0o600 });
  await file.write('new');
  file.discard();
  file.discard();
  t.strictSame(readdirSync(folder), ['file']);
  t.equal(readFileSync(path, 'utf8'), 'old');
  t.equal(process.listenerCount('exit'), listeners);
});

t.test('an existing file’s mode is kept if asked for, never its special bits', async (t) => {
  const path = join(freshFolder(), 'file');
  writeFileSync(path, 'old');
  chmodSync(path, 0o4640);
  const file = await createAtomicFile(path, { mode: 0o600, replaces: statSync(path) });
  await file.finish();
  t.equal(statSync(path).mode & 0o7777, 0o640);
});

t.test('a symbolic link stays, and its target is replaced', async (t) => {
  const folder = freshFolder();
  const [path, link] = [join(folder, 'file'), join(folder, 'link')];
  writeFileSync(path, 'old');
  symlinkSync('file', link);
  const file = await createAtomicFile(link, { mode: 0o600 });
  await file.write('new');
  await file.finish();
  t.ok(lstatSync(link).isSymbolicLink());
  t.equal(readFileSync(path, 'utf8'), 'new');
});

t.test('a missing directory fails at once', async (t) => {
  const path = join(freshFolder(), 'none', 'file');
  await t.rejects(createAtomicFile(path, { mode: 0o600 }), { code: 'ENOENT' });
});

t.test('a process that exits leaves no temporary file', async (t) => {
  const folder = freshFolder();
  const script = `const { createAtomicFile } = await import(${JSON.stringify(built('entropyctl/output'))});
    const file = await createAtomicFile(process.argv[1], { mode: 0o600 });
    await file.write('half');
    process.exit(130);`;
  const args = ['--input-type=module', '-e', script, join(folder, 'file')];
  t.equal(spawnSync(process.execPath, args).status, 130);
  t.strictSame(readdirSync(folder), []);
});

t.test('as soon as the temporary file exists, an exit would remove it', async (t) => {
  for (let i = 0; i < 20; i++) {
    const folder = freshFolder();
    const listeners = process.listenerCount('exit');
    const making = createAtomicFile(join(folder, 'file'), { mode: 0o600 });
    while (readdirSync(folder).length === 0) await setImmediate();
    t.equal(process.listenerCount('exit'), listeners + 1);
    (await making).discard();
    t.equal(process.listenerCount('exit'), listeners);
    t.strictSame(readdirSync(folder), []);
  }
});

t.test('a file appears once everything has been written', async (t) => {
  const path = join(temporaryFolder(), 'written');
  await withOutput(path, async (write) => {
    await write('whole');
    t.notOk(existsSync(path));
  });
  t.equal(readFileSync(path, 'utf8'), 'whole');
});

t.test('if anything else fails, nothing is left, and the error is unchanged', async (t) => {
  const path = join(temporaryFolder(), 'failed');
  const failing = (error: Error) =>
    withOutput(path, async (write) => {
      await write('half');
      throw error;
    });
  await t.rejects(failing(new EntropyError('ERR_HEALTH', 'x')), { code: 'ERR_HEALTH' });
  await t.rejects(failing(new TypeError('a bug')), { name: 'TypeError' });
  t.notOk(existsSync(path));
});

t.test('a failure of the output has its path and advice', async (t) => {
  for (const [path, message] of [
    ['/dev/full', 'cannot write /dev/full (ENOSPC): no space left: '],
    [temporaryFolder(), `cannot write ${temporaryFolder()} (EISDIR): it is a directory`],
  ] as const)
    await t.rejects(
      withOutput(path, (write) => write('x')),
      { name: 'Error', message: new RegExp(`^${message.replaceAll(/[()/]/g, '\\$&')}`) },
    );
});

t.test('each failure to write has the path and advice', async (t) => {
  for (const [code, advice] of [
    ['ENOENT', 'directory does not exist: create it or choose another path'],
    ['ENOTDIR', 'part of the path is not a directory'],
    ['EISDIR', 'it is a directory: name a file in it'],
    ['EACCES', 'permission denied: run as the owner or choose another path'],
    ['EPERM', 'permission denied: run as the owner or choose another path'],
    ['EROFS', 'read-only file system: choose another path'],
    ['ENOSPC', 'no space left: free some or choose another path'],
    ['EDQUOT', 'no space left: free some or choose another path'],
    ['EIO', 'EIO: i/o error, write'],
  ] as const) {
    const error = Object.assign(new Error('EIO: i/o error, write'), { code, syscall: 'write' });
    t.match(outputFailure(error, '/f'), { code, message: `cannot write /f (${code}): ${advice}` });
    t.match(outputFailure(error, undefined), {
      message: `cannot write standard output (${code}): ${advice}`,
    });
  }
  const bug = new TypeError('a bug');
  t.equal(outputFailure(bug, '/f'), bug);
  const nameless = Object.assign(new Error('x'), { syscall: 'write' });
  t.match(outputFailure(nameless, '/f'), { code: 'ERR_INTERNAL' });
});
