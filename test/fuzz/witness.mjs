/** Two clients beside all others: one that asks again and again, one whose messages take seconds. */
import { setTimeout } from 'node:timers/promises';
import { Conversation } from './conversation.mjs';
import { judge } from './oracle.mjs';

/** Between two questions. */
const pauseMs = 2;

/** A message may take 10 s to arrive whole. */
const slowMs = 3_000;

/** `[0, 5, "random", [16]]` */
const question = Buffer.from('940005a672616e646f6d9110', 'hex');
const cut = 5;

/**
 * Watches until `stop`.
 * @returns `failed`, true from the first question on that was not answered; `stop`, which resolves
 *   with the number of questions and rejects with the failure
 */
export async function startWitness(path) {
  const [answer] = judge(question).expected;
  let running = true;
  let failed = false;
  const isRunning = () => running;
  const watching = Promise.all([
    ask(path, answer, isRunning, (conversation) => conversation.write(question)),
    ask(path, answer, isRunning, async (conversation) => {
      conversation.write(question.subarray(0, cut));
      const end = performance.now() + slowMs;
      while (running && performance.now() < end) await setTimeout(pauseMs);
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
      running = false;
      const [questions] = await watching;
      return questions;
    },
  };
}

/** Asks in one way, over and over. */
async function ask(path, answer, isRunning, write) {
  const expected = [];
  const conversation = await Conversation.open(path, expected);
  try {
    do {
      expected.push(answer);
      await write(conversation);
      await conversation.answered(expected.length);
      await setTimeout(pauseMs);
    } while (isRunning());
    return expected.length;
  } finally {
    conversation.close();
  }
}
