/** The clients of the soak: each a loop of rounds, whose answers the fuzz's oracle checks. */
import { setMaxListeners } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Packr } from 'msgpackr';
import { Conversation } from '../fuzz/conversation.mjs';
import { cutShortAnswer, judge } from '../fuzz/oracle.mjs';

const packr = new Packr({ useRecords: false });
const mebibyte = 2 ** 20;

const between = (low, high) => low + Math.floor(Math.random() * (high - low + 1));
const pick = (list) => list[between(0, list.length - 1)];
const request = (method, ...params) => packr.pack([0, between(0, 2 ** 32 - 1), method, params]);
const many = (count, make) => Buffer.concat(Array.from({ length: count }, make));

/** What a client does its round with: one connection, whose answers are checked. */
class Round {
  #path;
  #stopping;
  #conversation;
  #expected = [];

  /** @param stopping ends its pauses */
  constructor(path, stopping) {
    this.#path = path;
    this.#stopping = stopping;
  }

  async open(options) {
    this.#conversation = await Conversation.open(this.#path, this.#expected, options);
    return this.#conversation;
  }

  /** Writes whole messages, whose answers are expected. */
  ask(bytes) {
    this.#expected.push(...judge(bytes).expected);
    this.#conversation.write(bytes);
  }

  /** Expects one more answer than those to what was asked. */
  expect(answer) {
    this.#expected.push(answer);
  }

  async answered() {
    await this.#conversation.answered(this.#expected.length);
  }

  async pause(milliseconds) {
    await setTimeout(milliseconds, undefined, { signal: this.#stopping });
  }

  close() {
    this.#conversation?.close();
  }
}

/** Many small requests at once, on a connection that stays for a while. */
async function pipeline(round) {
  await round.open();
  for (let batch = 0; batch < 50; batch++) {
    round.ask(many(between(1, 256), () => request('random', between(1, 64))));
    await round.answered();
    await round.pause(10);
  }
}

async function readLarge(round) {
  await round.open();
  round.ask(many(4, () => request('random', mebibyte)));
  await round.answered();
  await round.pause(200);
}

/** A client that reads now and then, so that most of what it asked for waits in the daemon. */
async function readSlowly(round) {
  const conversation = await round.open();
  round.ask(many(3, () => request('random', mebibyte)));
  for (let reads = 0; reads < 5; reads++) {
    conversation.pause();
    await round.pause(between(100, 1000));
    conversation.resume();
    await round.pause(1);
  }
  await round.answered();
}

/** For a message to arrive whole. */
const messageTimeoutMs = 10_000;

/** Half a message for a long time; then its rest, the end, or nothing; or longer than it may take. */
async function stayHalf(round) {
  const conversation = await round.open();
  const message = request('random', between(1, 1000));
  const cut = between(1, message.length - 1);
  conversation.write(message.subarray(0, cut));
  const way = between(0, 3);
  if (way === 3) {
    round.expect(cutShortAnswer);
    await round.pause(messageTimeoutMs + 2000);
    await round.answered();
    await conversation.ended();
    return;
  }
  await round.pause(between(100, messageTimeoutMs - 2000));
  if (way === 0) return;
  if (way === 1) {
    conversation.write(message.subarray(cut));
    round.expect(...judge(message).expected);
    await round.answered();
    return;
  }
  conversation.end();
  round.expect(cutShortAnswer);
  await round.answered();
  await conversation.ended();
}

/** Comes, sends anything up to several messages, and goes without a word. */
async function leave(round) {
  const conversation = await round.open();
  const bytes = many(between(1, 20), () => request('random', pick([1, 1000, mebibyte])));
  round.expect(...judge(bytes).expected);
  conversation.write(bytes.subarray(0, between(0, bytes.length)));
  await round.pause(between(0, 100));
}

/** Every other method, and what is refused. */
async function call(round) {
  await round.open();
  for (const bytes of [
    request('health'),
    request('status'),
    request('version'),
    request('metrics'),
    request('random', 32, { predictionResistance: true }),
    request('random', 0),
    request('random', 1, { unknown: true }),
    request('nope'),
  ]) {
    round.ask(bytes);
    await round.answered();
    await round.pause(50);
  }
}

async function sendNoMessage(round) {
  const conversation = await round.open({ mayReset: true });
  round.ask(
    pick([
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      Buffer.from([0x94, 0, 1, 0xc1]),
      Buffer.from([0x94, 0, 1, 0xdb, 0xff, 0xff, 0xff, 0xff]),
      Buffer.alloc(1000, 0x91),
    ]),
  );
  await round.answered();
  await conversation.ended();
  await round.pause(between(0, 200));
}

/** How many clients of each kind there are at a time. */
const mix = [
  [3, pipeline],
  [2, readLarge],
  [4, readSlowly],
  [8, stayHalf],
  [4, leave],
  [1, call],
  [1, sendNoMessage],
];

/**
 * Starts all clients.
 * @returns `failures`, as texts, which grow; `stop`
 */
export function startLoad(path) {
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const failures = [];
  const loop = async (client) => {
    while (!stopping.signal.aborted) {
      const round = new Round(path, stopping.signal);
      try {
        await client(round);
      } catch (error) {
        if (error.name === 'AbortError') break;
        failures.push(`${client.name}: ${error.message}`);
        // A daemon that is gone fails at once, again and again.
        await setTimeout(1000);
      } finally {
        round.close();
      }
    }
  };
  const loops = mix.flatMap(([count, client]) => Array.from({ length: count }, () => loop(client)));
  return {
    failures,
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}
