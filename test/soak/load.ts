/** The clients of the soak. Each repeats a round, and the fuzz's oracle checks its answers. */
import { setMaxListeners } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { Conversation, type ConversationOptions } from '../fuzz/conversation.js';
import { cutShortAnswer, type Expected, judge } from '../fuzz/oracle.js';
import { message } from '../support/raw.js';

const mebibyte = 2 ** 20;

/** Pause of a client after a failure: a daemon that has ended fails every round at once. */
const failurePauseMs = 1000;

const between = (low: number, high: number) => low + Math.floor(Math.random() * (high - low + 1));
const pick = <T>(list: readonly T[]) => list[between(0, list.length - 1)] as T;
const request = (method: string, ...params: unknown[]) =>
  message(between(0, 2 ** 32 - 1), method, params);
const many = (count: number, make: () => Buffer) =>
  Buffer.concat(Array.from({ length: count }, make));

/** One connection of a client, whose answers are checked. */
class Round {
  readonly #path: string;
  readonly #stopping: AbortSignal;
  readonly #expected: Expected[] = [];
  #conversation: Conversation | undefined;

  /** @param stopping ends its pauses */
  constructor(path: string, stopping: AbortSignal) {
    this.#path = path;
    this.#stopping = stopping;
  }

  async open(options?: ConversationOptions): Promise<Conversation> {
    this.#conversation = await Conversation.open(this.#path, this.#expected, options);
    return this.#conversation;
  }

  /** Writes whole messages and expects their answers. */
  ask(bytes: Buffer): void {
    this.expect(...judge(bytes).expected);
    this.#conversation?.write(bytes);
  }

  /** Expects further answers. */
  expect(...answers: Expected[]): void {
    this.#expected.push(...answers);
  }

  /** Resolves when every expected answer has come. */
  async answered(): Promise<void> {
    await this.#conversation?.answered(this.#expected.length);
  }

  async pause(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#stopping });
  }

  close(): void {
    this.#conversation?.close();
  }
}

/** Sends many small requests at once, on a connection that stays for a while. */
async function pipeline(round: Round): Promise<void> {
  await round.open();
  for (let batch = 0; batch < 50; batch++) {
    round.ask(many(between(1, 256), () => request('random', between(1, 64))));
    await round.answered();
    await round.pause(10);
  }
}

async function readLarge(round: Round): Promise<void> {
  await round.open();
  round.ask(many(4, () => request('random', mebibyte)));
  await round.answered();
  await round.pause(200);
}

/** Reads now and then, so that most of what it requested waits in the daemon. */
async function readSlowly(round: Round): Promise<void> {
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

/** How long a message may take to arrive completely (docs/protocol.md, Limits). */
const messageTimeoutMs = 10_000;

/**
 * Sends half a message and waits for a long time. Then it leaves, sends the rest, half-closes, or waits
 * for longer than a message may take.
 */
async function sendHalf(round: Round): Promise<void> {
  const conversation = await round.open();
  const whole = request('random', between(1, 1000));
  const cut = between(1, whole.length - 1);
  conversation.write(whole.subarray(0, cut));
  const then = pick(['leave', 'complete', 'end', 'wait'] as const);
  if (then !== 'wait') await round.pause(between(100, messageTimeoutMs - 2000));
  if (then === 'leave') return;
  if (then === 'complete') {
    conversation.write(whole.subarray(cut));
    round.expect(...judge(whole).expected);
    await round.answered();
    return;
  }
  if (then === 'end') conversation.end();
  round.expect(cutShortAnswer);
  await round.answered();
  await conversation.ended();
}

/** Sends anything up to several messages and leaves at any time. */
async function leave(round: Round): Promise<void> {
  const conversation = await round.open();
  const bytes = many(between(1, 20), () => request('random', pick([1, 1000, mebibyte])));
  round.expect(...judge(bytes).expected);
  conversation.write(bytes.subarray(0, between(0, bytes.length)));
  await round.pause(between(0, 100));
}

/** Calls every other method, and what is refused. */
async function callMethods(round: Round): Promise<void> {
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

async function sendInvalid(round: Round): Promise<void> {
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

/** How many clients of each kind run at a time. */
const mix: readonly (readonly [count: number, client: (round: Round) => Promise<void>])[] = [
  [3, pipeline],
  [2, readLarge],
  [4, readSlowly],
  [8, sendHalf],
  [4, leave],
  [1, callMethods],
  [1, sendInvalid],
];

export interface Load {
  /** What went wrong; grows while the load runs. */
  readonly failures: string[];
  /** Resolves when every client has ended. */
  stop(): Promise<void>;
}

/** Starts all clients. */
export function startLoad(path: string): Load {
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const failures: string[] = [];
  const loop = async (client: (round: Round) => Promise<void>) => {
    while (!stopping.signal.aborted) {
      const round = new Round(path, stopping.signal);
      try {
        await client(round);
      } catch (error) {
        const { name, message } = error as Error;
        if (name === 'AbortError') break;
        failures.push(`${client.name}: ${message}`);
        await setTimeout(failurePauseMs, undefined, { signal: stopping.signal }).catch(() => {});
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
