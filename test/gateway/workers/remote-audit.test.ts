import t from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import { createRemoteAudit } from '../../../src/gateway/workers/remote-audit.js';
import { auditEntry } from '../../support/gateway.js';
import { gate } from '../../support/until.js';

/** A channel to a primary that answers as given. */
function channelOf(answer: () => Promise<unknown>) {
  const notes: unknown[] = [];
  return { notes, ask: answer, note: (...note: unknown[]) => void notes.push(note) };
}

t.test('a required line is written when the primary says so, and only then', async (t) => {
  for (const [answer, isWritten] of [
    [async () => true, true],
    [async () => false, false],
    [async () => 'yes', false],
    [() => Promise.reject(new EntropyError('ERR_TIMEOUT', '')), false],
    [() => Promise.reject(new EntropyError('ERR_CLOSED', '')), false],
  ] as const) {
    const audit = createRemoteAudit(channelOf(answer), true, () => 0);
    t.equal(await audit.write(auditEntry), isWritten);
  }
});

t.test('otherwise nobody waits, but for the end', async (t) => {
  const { opened, open } = gate();
  const audit = createRemoteAudit(
    channelOf(() => opened),
    false,
    () => 7,
  );
  t.equal(audit.write(auditEntry), undefined);
  t.match(audit, { isRequired: false, dropped: 7 });
  let isClosed = false;
  const closing = audit.close().then(() => {
    isClosed = true;
  });
  t.notOk(isClosed);
  open();
  await closing;
  t.equal(audit.write(auditEntry), undefined, 'after that nothing is sent');
});

t.test('no more lines are on their way than a bound; the others are told of', async (t) => {
  const channel = channelOf(() => new Promise(() => {}));
  const audit = createRemoteAudit(channel, true, () => 0);
  for (let i = 0; i < 4096; i++) void audit.write(auditEntry);
  t.strictSame(channel.notes, []);
  t.equal(await audit.write(auditEntry), false);
  t.strictSame(channel.notes, [['missed', 1]]);
});
