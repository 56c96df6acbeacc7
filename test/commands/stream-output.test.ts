import { execFileSync } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { openFifo, StreamOutput } from '../../src/commands/stream-output.js';
import { printedBy, temporaryFolder } from '../support.js';

t.test('data goes through in order, and the end is told', async (t) => {
  const stream = new PassThrough();
  const read = text(stream);
  const output = new StreamOutput(stream);
  await output.write('a');
  await output.write(Buffer.from('b'));
  await output.finish();
  output.discard();
  t.equal(await read, 'ab');
});

t.test('a failure is the write’s, and nothing is thrown beside it', async (t) => {
  const output = new StreamOutput(
    new Writable({ write: (_data, _encoding, done) => done(new Error('full')) }),
  );
  await t.rejects(output.write('x'), { message: 'full' });
});

t.test('discard ends the stream', async (t) => {
  const stream = new PassThrough();
  new StreamOutput(stream).discard();
  t.ok(stream.destroyed);
});

t.test('standard output is written, and not ended', async (t) => {
  const written = await printedBy(t, async () => {
    const output = new StreamOutput(process.stdout);
    await output.write('x');
    await output.finish();
    output.discard();
  });
  t.equal(written, 'x');
  t.notOk(process.stdout.destroyed || process.stdout.writableEnded);
});

t.test('a FIFO is opened when somebody reads it, and nothing hangs until then', async (t) => {
  const path = join(temporaryFolder(), 'fifo');
  execFileSync('mkfifo', [path]);
  const opening = openFifo(path);
  t.equal(await Promise.race([opening, setTimeout(120, 'waits')]), 'waits');
  const read = text(createReadStream(path));
  (await opening).end('bytes');
  t.equal(await read, 'bytes');
  await t.rejects(openFifo(join(temporaryFolder(), 'none')), { code: 'ENOENT' });
});
