import { EventEmitter } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import {
  createExchange,
  type Exchange,
} from '../../../../src/apis/aws-kms/upstream/timed-request.js';

const times = { connectMs: 1_000, firstByteMs: 1_000, silenceMs: 1_000, totalMs: 1_000 };
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

/** An exchange, and how often it has been done. */
function start(changed: Partial<typeof times> = {}): { exchange: Exchange; done: () => number } {
  let count = 0;
  const tooLong = (what: string, ms: number) => new Error(`${what} in ${ms} ms`);
  const exchange = createExchange({ ...times, ...changed }, tooLong, () => count++);
  return { exchange, done: () => count };
}

const open = (request: ReturnType<typeof fakeRequest>) => () => request as unknown as ClientRequest;
const asAnswer = (stream: PassThrough) => stream as unknown as IncomingMessage;

t.test(
  'each stage has its time, and waiting for a connection only that of the whole',
  async (t) => {
    for (const [name, changed, socket, message] of [
      ['connecting', { connectMs: 20 }, { connecting: true }, 'no connection in 20 ms'],
      ['connected', { firstByteMs: 20 }, { connecting: false }, 'no answer in 20 ms'],
      ['waiting', { connectMs: 5, firstByteMs: 5, totalMs: 40 }, undefined, 'not done in 40 ms'],
    ] as const) {
      const request = fakeRequest();
      const { exchange, done } = start(changed);
      const sending = exchange.send(open(request), body);
      if (socket) request.emit('socket', Object.assign(new EventEmitter(), socket));
      await t.rejects(sending, { message }, name);
      t.equal(request.sent, body, 'the body went out');
      exchange.end(new Error('over'));
      t.equal(done(), 1, name);
    }
  },
);

t.test('a connection that is made in time starts the time for the answer', async (t) => {
  for (const [event, extra] of [
    ['connect', {}],
    ['secureConnect', { encrypted: true }],
  ] as const) {
    const request = fakeRequest();
    const { exchange } = start({ connectMs: 20, firstByteMs: 40 });
    const sending = exchange.send(open(request), body);
    const socket = Object.assign(new EventEmitter(), { connecting: true, ...extra });
    request.emit('socket', socket);
    socket.emit(event);
    await t.rejects(sending, { message: 'no answer in 40 ms' }, event);
    exchange.end(new Error('over'));
  }
});

t.test('what ended before is not begun; what is done does not end again', async (t) => {
  const reason = new Error('gone');
  const ended = start();
  ended.exchange.end(reason);
  ended.exchange.end(new Error('later'));
  t.equal(ended.exchange.signal.reason, reason);
  await t.rejects(
    ended.exchange.send(() => t.fail('opened') as never, body),
    reason,
  );
  t.equal(ended.done(), 1);

  const { exchange, done } = start();
  const answer = new PassThrough();
  const read = text(exchange.body(asAnswer(answer), () => new Error('never')));
  answer.end('whole');
  t.equal(await read, 'whole');
  await setTimeout(5);
  t.equal(done(), 1);
  exchange.end(reason);
  t.equal(exchange.signal.aborted, false);
});

t.test('a request that closes without a word has failed', async (t) => {
  const request = fakeRequest();
  const { exchange } = start();
  const sending = exchange.send(open(request), body);
  request.emit('close');
  await t.rejects(sending, { message: /no answer before the connection closed/ });
  exchange.end(new Error('over'));
});

t.test('bytes put silence off, and silence ends the body with its reason', async (t) => {
  const request = fakeRequest();
  const { exchange, done } = start({ silenceMs: 600, totalMs: 10_000 });
  const answer = new PassThrough();
  const sending = exchange.send(open(request), body);
  request.emit('response', answer);
  const stream = exchange.body(await sending, (error) => error as Error);
  const read = text(stream).catch((error) => error.message);
  for (let i = 0; i < 8; i++) {
    await setTimeout(100);
    t.notOk(stream.destroyed, 'kept alive');
    answer.write('x');
  }
  t.equal(await read, 'silent in 600 ms');
  t.ok(answer.destroyed);
  t.equal(done(), 1);
});

t.test('an answer that breaks is explained', async (t) => {
  const { exchange, done } = start();
  const answer = new PassThrough();
  const stream = exchange.body(asAnswer(answer), (cause) => new Error('explained', { cause }));
  const cause = new Error('aborted');
  answer.destroy(cause);
  await setTimeout(5);
  await t.rejects(text(stream), { message: 'explained', cause }, 'also to who reads later');
  t.equal(done(), 1);
});
