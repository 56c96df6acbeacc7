import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { addon, addonPath } from './addon.js';

/** `ReadStatus` of native/sources/noise_source.h. */
const status = { ok: 0, tryAgain: 1, failed: 2 } as const;

const folder = t.testdir();

function fifo(name: string): { path: string; writer: number } {
  const path = join(folder, name);
  execFileSync('mkfifo', [path]);
  // Opening for reading and writing does not wait for the other end.
  return { path, writer: openSync(path, 'r+') };
}

t.test('a file is read in order, and its end is a failure', async (t) => {
  const path = join(folder, 'file');
  const content = Buffer.from(Array.from({ length: 100 }, (_, i) => i + 1));
  writeFileSync(path, content);
  const [first, second] = addon.readDevice(path, 64, 2);
  t.match(first, { status: status.ok });
  t.strictSame(first?.samples, content.subarray(0, 64));
  t.match(second, { status: status.failed, error: 'end of file' });
});

t.test('a FIFO with too few bytes: try again, nothing lost, nothing used twice', async (t) => {
  const { path, writer } = fifo('short');
  writeSync(writer, Buffer.alloc(24, 1));
  const [first, second] = addon.readDevice(path, 16, 2);
  t.match(first, { status: status.ok, samples: Buffer.alloc(16, 1) });
  t.match(second, { status: status.tryAgain, retries: 1 });
  closeSync(writer);
});

t.test('neither a regular file nor the kernel’s own devices can be credited', async (t) => {
  const path = join(folder, 'seed');
  writeFileSync(path, Buffer.alloc(1024, 7));
  for (const [credited, error] of [
    [path, 'a regular file cannot be credited with entropy'],
    ['/dev/random', "the kernel's generator cannot be credited as a source"],
    ['/dev/urandom', "the kernel's generator cannot be credited as a source"],
  ] as const) {
    t.match(addon.readDevice(credited, 16, 1, 0), [{ status: status.ok }], `${credited} without`);
    t.match(addon.readDevice(credited, 16, 1, 4), [{ status: status.failed, error }], credited);
  }
  const { path: open, writer } = fifo('credited');
  writeSync(writer, Buffer.alloc(16, 1));
  t.match(addon.readDevice(open, 16, 1, 4), [{ status: status.ok }], 'a FIFO can');
  closeSync(writer);
});

t.test('a FIFO without a writer does not block the reader', async (t) => {
  const path = join(folder, 'lonely');
  execFileSync('mkfifo', [path]);
  t.match(addon.readDevice(path, 16, 1), [{ status: status.failed, error: 'end of file' }]);
});

t.test('a device that cannot be opened or read reports why', async (t) => {
  for (const [path, error] of [
    [join(folder, 'missing'), 'No such file or directory'],
    [folder, 'Is a directory'],
    ['/dev/null', 'end of file'],
  ] as const)
    t.match(addon.readDevice(path, 16, 1), [{ status: status.failed, error }], path);
});

t.test('short reads and EINTR are retried, ENODEV is a failure', async (t) => {
  const straced = await new Promise<boolean>((resolve) => {
    spawn('strace', ['-V'], { stdio: 'ignore' })
      .on('error', () => resolve(false))
      .on('exit', (code) => resolve(code === 0));
  });
  if (!straced) {
    if (process.env.CI === 'true') t.fail('strace is not installed');
    else t.comment('strace is not installed: faults are not injected');
    return;
  }
  const path = join(folder, 'zeros');
  writeFileSync(path, Buffer.alloc(1024, 7));
  const script = `
    const { createRequire } = require('node:module');
    const addon = require(${JSON.stringify(addonPath)});
    const [{ status, error, retries, samples }] = addon.readDevice(${JSON.stringify(path)}, 64, 1);
    console.log(JSON.stringify({ status, error, retries, sum: samples.reduce((a, b) => a + b, 0) }));`;
  for (const [injection, expected] of [
    ['error=EINTR:when=1..3', { status: status.ok, retries: 3, sum: 64 * 7 }],
    ['retval=0:when=1', { status: status.failed, error: 'end of file', sum: 0 }],
    ['error=ENODEV:when=1', { status: status.failed, error: 'No such device', sum: 0 }],
    ['error=EIO:when=1', { status: status.failed, error: 'Input/output error', sum: 0 }],
  ] as const) {
    const env = { ...process.env, NODE_OPTIONS: '' };
    const inject = ['-f', '-qq', '-o', '/dev/null', '-P', path, '-e', `inject=read:${injection}`];
    const out = execFileSync('strace', [...inject, process.execPath, '-e', script], { env });
    t.match(JSON.parse(String(out)), expected, injection);
  }
});
