import { EventEmitter, once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { createTimedRequest } from '../../../src/apis/upstream/timed-request.js';
import { fakeTimers } from '../../support/fake-timers.js';

const times = { connectMs: 1_000, firstByteMs: 2_000, silenceMs: 3_000, totalMs: 10_000 };
const body = Buffer.from('{}');

/** A request that does nothing by itself. */
function fakeRequest() {
  const request = Object.assign(new EventEmitter(), {
    sent: undefined as Buffer | undefined,
    end(data: Buffer) {
      request.sent = data;
    },
    destroy(error: Error) {
      request.emit('error', error);
      request.emit('close');
    },
  });
  return request;
}

/** A timed request, and how often it has been done. */
function start() {
  let count = 0;
  const tooLong = (what: string, ms: number) => new Error(`${what} in ${ms} ms`);
  const timed = createTimedRequest(times, tooLong, () => count++);
  return { timed, done: () => count };
}

const open = (request: ReturnType<typeof fakeRequest>) => () => request as unknown as ClientRequest;
const asResponse = (stream: PassThrough) => stream as unknown as IncomingMessage;

t.test(
  'each stage has its time; waiting for a connection has only that of the whole',
  async (t) => {
    for (const [name, socket, ms, message] of [
      ['connecting', { connecting: true }, 1_000, 'no connection in 1000 ms'],
      ['connected', { connecting: false }, 2_000, 'no answer in 2000 ms'],
      ['waiting', undefined, 10_000, 'not done in 10000 ms'],
    ] as const)
      await t.test(name, async (t) => {
        const timers = fakeTimers(t);
        const request = fakeRequest();
        const { timed, done } = start();
        const rejected = t.rejects(timed.send(open(request), body), { message });
        if (socket) request.emit('socket', Object.assign(new EventEmitter(), socket));
        timers.advance(ms - 1);
        t.notOk(timed.signal.aborted, 'until then');
        timers.advance(1);
        await rejected;
        t.equal(request.sent, body, 'the body went out');
        timed.end(new Error('over'));
        t.equal(done(), 1);
        t.equal(timers.running, 0);
      });
  },
);

t.test('a connection that is made in time starts the time for the answer', async (t) => {
  const timers = fakeTimers(t);
  for (const [event, extra] of [
    ['connect', {}],
    ['secureConnect', { encrypted: true }],
  ] as const) {
    const request = fakeRequest();
    const { timed } = start();
    const rejected = t.rejects(timed.send(open(request), body), { message: /no answer in 2000/ });
    const socket = Object.assign(new EventEmitter(), { connecting: true, ...extra });
    request.emit('socket', socket);
    timers.advance(999);
    socket.emit(event);
    timers.advance(1_999);
    t.notOk(timed.signal.aborted, event);
    timers.advance(1);
    await rejected;
    timed.end(new Error('over'));
  }
});

t.test('what ended before is not begun; what is done does not end again', async (t) => {
  const reason = new Error('gone');
  const ended = start();
  ended.timed.end(reason);
  ended.timed.end(new Error('later'));
  t.equal(ended.timed.signal.reason, reason);
  await t.rejects(
    ended.timed.send(() => t.fail('opened') as never, body),
    reason,
  );
  t.equal(ended.done(), 1);

  const { timed, done } = start();
  const response = new PassThrough();
  const stream = timed.body(asResponse(response), () => new Error('never'));
  const closed = once(stream, 'close');
  const read = text(stream);
  response.end('whole');
  t.equal(await read, 'whole');
  await closed;
  t.equal(done(), 1);
  timed.end(reason);
  t.equal(timed.signal.aborted, false);
});

t.test('a request that closes without a word has failed', async (t) => {
  const request = fakeRequest();
  const { timed } = start();
  const sending = timed.send(open(request), body);
  request.emit('close');
  await t.rejects(sending, { message: /no answer before the connection closed/ });
  timed.end(new Error('over'));
});

t.test('interim answers without end cost one error, however many a read brings', async (t) => {
  const request = fakeRequest();
  const errors: Error[] = [];
  request.on('error', (error) => errors.push(error));
  const { timed } = start();
  const sending = timed.send(open(request), body);
  for (let i = 0; i < 1000; i++) request.emit('information');
  await t.rejects(sending, { message: /too many interim answers/ });
  t.equal(errors.length, 1);
  timed.end(new Error('over'));
});

t.test('bytes put silence off, and silence ends the body with its reason', async (t) => {
  const timers = fakeTimers(t);
  const request = fakeRequest();
  const { timed, done } = start();
  const response = new PassThrough();
  const sending = timed.send(open(request), body);
  request.emit('response', response);
  const stream = timed.body(await sending, (error) => error as Error);
  const read = text(stream).catch((error) => error.message);
  for (let i = 0; i < 3; i++) {
    timers.advance(2_900);
    t.notOk(stream.destroyed, 'kept alive');
    const arrived = once(stream, 'data');
    response.write('x');
    await arrived;
  }
  timers.advance(times.totalMs - 3 * 2_900);
  t.equal(await read, 'not done in 10000 ms', 'but not for ever');
  t.ok(response.destroyed);
  t.equal(done(), 1);

  const other = start();
  const silent = new PassThrough();
  const answered = fakeRequest();
  const head = other.timed.send(open(answered), body);
  answered.emit('response', silent);
  const ended = text(other.timed.body(await head, (error) => error as Error));
  const rejected = t.rejects(ended, { message: 'silent in 3000 ms' });
  timers.advance(3_000);
  await rejected;
});

t.test('an answer that breaks is explained', async (t) => {
  const { timed, done } = start();
  const response = new PassThrough();
  const stream = timed.body(asResponse(response), (cause) => new Error('explained', { cause }));
  const cause = new Error('aborted');
  const closed = new Promise((resolve) => stream.once('close', resolve));
  response.destroy(cause);
  await closed;
  await t.rejects(text(stream), { message: 'explained', cause }, 'also to who reads later');
  t.equal(done(), 1);
});
