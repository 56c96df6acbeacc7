/**
 * One end of the channel between a gateway's primary process and a worker. What is said in one turn of the
 * event loop goes in one message, and every question has an answer or a deadline.
 */
import { EntropyError, type ErrorCode, errorCode } from '../../common/errors.js';

/** Answers questions of one kind, and takes in notes. What it throws reaches who asked. */
export type Handler = (value: unknown) => unknown;

/** Questions with an id, and notes without (0), each with its kind; and answers by the question's id. */
interface Message {
  readonly says?: readonly (readonly [id: number, kind: string, value: unknown])[];
  readonly answers?: readonly (readonly [id: number, isGood: boolean, value: unknown])[];
}

/** Of one message; more go in another one. Ours: 4,096 lines of an audit log are 1 MiB. */
const maxParts = 4_096;

/** Questions of the other end that may be unanswered: more than a worker has requests. Ours. */
const maxOpen = 1_048_576;

interface Question {
  settle(isGood: boolean, value: unknown): void;
}

/** A message that is not one: the other end has a defect, or is somebody else's by now. */
export class MalformedMessage extends Error {
  override name = 'MalformedMessage';
}

/** Talks to the other end of a channel. */
export class Channel {
  readonly #send: (message: object) => void;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #questions = new Map<number, Question>();
  #says: (readonly [number, string, unknown])[] = [];
  #answers: (readonly [number, boolean, unknown])[] = [];
  #lastId = 0;
  #open = 0;
  #isScheduled = false;
  #isClosed = false;

  /**
   * @param send gives a message to the system, in order; must not throw
   * @param handlers by the kind of what is said
   */
  constructor(send: (message: object) => void, handlers: Readonly<Record<string, Handler>>) {
    this.#send = send;
    this.#handlers = new Map(Object.entries(handlers));
  }

  /**
   * Asks the other end.
   * @param value becomes JSON
   * @throws EntropyError as the other end threw it; `ERR_TIMEOUT`; `ERR_CLOSED` if the other end is gone
   */
  ask(kind: string, value: unknown, timeoutMs: number): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(gone());
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId;
      const settle = (isGood: boolean, answer: unknown) => {
        clearTimeout(timer);
        this.#questions.delete(id);
        if (isGood) resolve(answer);
        else reject(answer);
      };
      const late = () => settle(false, new EntropyError('ERR_TIMEOUT', `${kind}: no answer`));
      const timer = setTimeout(late, timeoutMs);
      this.#questions.set(id, { settle });
      this.#says.push([id, kind, value]);
      this.#schedule();
    });
  }

  /** Says something that has no answer. */
  note(kind: string, value: unknown): void {
    this.#says.push([0, kind, value]);
    this.#schedule();
  }

  /** Sends what was said, now. */
  flush(): void {
    this.#isScheduled = false;
    while (this.#says.length + this.#answers.length > 0 && !this.#isClosed) {
      const says = this.#says.splice(0, maxParts);
      const answers = this.#answers.splice(0, maxParts);
      this.#send({ ...(says.length > 0 && { says }), ...(answers.length > 0 && { answers }) });
    }
  }

  /**
   * Takes in a message.
   * @throws MalformedMessage if it is none, or a note was refused; nothing may be believed any more
   */
  receive(message: unknown): void {
    if (this.#isClosed) return;
    const { says = [], answers = [] } = checked(message);
    for (const [id, kind, value] of says) this.#hear(id, kind, value);
    // One whose time was over is not there any more.
    for (const [id, isGood, value] of answers)
      this.#questions.get(id)?.settle(isGood, isGood ? value : revived(value));
  }

  /** The other end is gone: whoever waits for it learns so. */
  close(): void {
    this.#isClosed = true;
    for (const { settle } of [...this.#questions.values()]) settle(false, gone());
  }

  #hear(id: number, kind: string, value: unknown): void {
    const handler = this.#handlers.get(kind);
    if (handler === undefined) throw new MalformedMessage(`nobody knows "${kind.slice(0, 32)}"`);
    if (id === 0) {
      handler(value);
      return;
    }
    if (++this.#open > maxOpen) throw new MalformedMessage('too many questions');
    let result: unknown;
    try {
      result = handler(value);
    } catch (error) {
      if (error instanceof MalformedMessage) throw error;
      result = Promise.reject(error);
    }
    if (result instanceof Promise)
      result.then(
        (answer) => this.#answer(id, true, answer),
        (error: unknown) => this.#answer(id, false, described(error)),
      );
    else this.#answer(id, true, result);
  }

  #answer(id: number, isGood: boolean, value: unknown): void {
    this.#open--;
    this.#answers.push([id, isGood, value ?? null]);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.flush());
  }
}

function gone(): EntropyError {
  return new EntropyError('ERR_CLOSED', 'the other process is gone');
}

function described(error: unknown): object {
  const key = error instanceof EntropyError ? error.key : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return { code: errorCode(error), message, key };
}

function revived(value: unknown): EntropyError {
  const { code, message, key } = (value ?? {}) as { [name: string]: unknown };
  const options = typeof key === 'string' ? { key } : {};
  return new EntropyError(code as ErrorCode, String(message), options);
}

function checked(message: unknown): Message {
  const { says = [], answers = [], ...rest } = Object(message) as Record<string, unknown>;
  const isGood =
    Object.keys(rest).length === 0 &&
    areParts(says, ([id, kind]) => isId(id, 0) && typeof kind === 'string') &&
    areParts(answers, ([id, isGood]) => isId(id, 1) && typeof isGood === 'boolean');
  if (!isGood) throw new MalformedMessage('not a message');
  return message as Message;
}

function areParts(parts: unknown, isPart: (part: readonly unknown[]) => boolean): boolean {
  return (
    Array.isArray(parts) &&
    parts.length <= maxParts &&
    parts.every((part) => Array.isArray(part) && part.length === 3 && isPart(part))
  );
}

function isId(id: unknown, least: number): boolean {
  return Number.isSafeInteger(id) && (id as number) >= least;
}
