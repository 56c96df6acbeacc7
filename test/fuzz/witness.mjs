/** Two clients beside all others: one that asks again and again, one whose message takes forever. */
import { setTimeout } from 'node:timers/promises';
import { Conversation } from './conversation.mjs';
import { judge } from './oracle.mjs';

/** Between two questions. */
const pauseMs = 2;

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
  const patient = await Conversation.open(path, [answer]);
  patient.write(question.subarray(0, cut));
  let running = true;
  let failed = false;
  const asking = ask(path, answer, () => running);
  asking.catch(() => {
    failed = true;
  });
  return {
    get failed() {
      return failed;
    },
    async stop() {
      running = false;
      try {
        const questions = await asking;
        patient.write(question.subarray(cut));
        await patient.answered(1);
        return questions;
      } finally {
        patient.close();
      }
    },
  };
}

async function ask(path, answer, isRunning) {
  const expected = [];
  const conversation = await Conversation.open(path, expected);
  try {
    while (isRunning()) {
      expected.push(answer);
      conversation.write(question);
      await conversation.answered(expected.length);
      await setTimeout(pauseMs);
    }
    return expected.length;
  } finally {
    conversation.close();
  }
}
