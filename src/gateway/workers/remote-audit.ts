/** A worker's audit log: it sends entries to the primary process, which numbers and writes them. */
import type { Audit } from '../audit.js';
import type { Channel } from './channel.js';

/** Entries that may be on their way; one has at most some 256 bytes. Ours, as 1 MiB of lines is. */
const maxWaiting = 4_096;

/** The primary itself gives up after 2 s, and answers. */
const answerMs = 5_000;

/**
 * Starts a worker's part of the audit log.
 * @param dropped lines that the gateway's log has dropped, as far as the primary has told
 */
export function createRemoteAudit(
  channel: Pick<Channel, 'ask' | 'note'>,
  isRequired: boolean,
  dropped: () => number,
): Audit {
  let waiting = 0;
  let isClosed = false;
  let whenIdle = () => {};
  return {
    isRequired,
    get dropped() {
      return dropped();
    },
    write(entry) {
      if (waiting >= maxWaiting) {
        channel.note('missed', 1);
        return isRequired ? Promise.resolve(false) : undefined;
      }
      if (isClosed) return isRequired ? Promise.resolve(false) : undefined;
      waiting++;
      // A primary that is gone or late has not said that the line is written.
      const written = channel
        .ask('audit', entry, answerMs)
        .catch(() => false)
        .then((isWritten) => {
          if (--waiting === 0) whenIdle();
          return isWritten === true;
        });
      return isRequired ? written : undefined;
    },
    missed: (lines) => channel.note('missed', lines),
    adopt() {},
    async close() {
      isClosed = true;
      if (waiting > 0)
        await new Promise<void>((resolve) => {
          whenIdle = resolve;
        });
    },
  };
}
