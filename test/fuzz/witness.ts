/** Two clients beside the fuzz: one asks again and again, the other takes seconds for a message. */
import { setTimeout } from 'node:timers/promises';
import { Conversation } from './conversation.js';
import { type Expected, judge } from './oracle.js';

/** Pause between two questions. */
const pauseMs = 2;

/** How long the slow client takes for a message; the daemon allows 10 s. */
const slowMs = 3_000;

/** `[0, 5, "random", [16]]` */
const question = Buffer.from('940005a672616e646f6d9110', 'hex');
const cut = 5;

export interface Witness {
  /** True as soon as a question was not answered as it should be. */
  readonly failed: boolean;
  /**
   * Ends both clients.
   * @returns the number of questions that the first client asked
   * @throws Error if a question was not answered as it should be
   */
  stop(): Promise<number>;
}

/** Starts both clients. */
export function startWitness(path: string): Witness {
  const stopping = new AbortController();
  const { signal } = stopping;
  let failed = false;
  const watching = Promise.all([
    ask(path, signal, (conversation) => conversation.write(question)),
    ask(path, signal, async (conversation) => {
      conversation.write(question.subarray(0, cut));
      await pause(slowMs, signal);
      conversation.write(question.subarray(cut));
    }),
  ]);
  watching.catch(() => {
    failed = true;
  });
  return {
    get failed() {
      return failed;
    },
    async stop() {
      stopping.abort();
      const [questions] = await watching;
      return questions;
    },
  };
}

/** Asks in one way until `signal`, at least once. @returns how often */
async function ask(
  path: string,
  signal: AbortSignal,
  write: (conversation: Conversation) => void | Promise<void>,
): Promise<number> {
  const expected: Expected[] = [];
  const conversation = await Conversation.open(path, expected);
  try {
    do {
      expected.push(...judge(question).expected);
      await write(conversation);
      await conversation.answered(expected.length);
      await pause(pauseMs, signal);
    } while (!signal.aborted);
    return expected.length;
  } finally {
    conversation.close();
  }
}

/** Ends early when the signal fires. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => {});
}
