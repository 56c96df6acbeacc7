/** One request to an upstream and its streamed response, each stage limited in time. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';

/** How long an upstream may take, milliseconds. */
export interface UpstreamTimeouts {
  /** Until there is a connection, name look-up and TLS included. */
  readonly connectMs: number;
  /** From the connection to the first byte of the response. */
  readonly firstByteMs: number;
  /** Without any byte, once the response has begun; also if the client does not read. */
  readonly silenceMs: number;
  /** From the start to the response's last byte, waiting for a connection included. */
  readonly totalMs: number;
}

/**
 * Interim responses of one request: 100 and perhaps a few hints. Each costs the event loop more than its bytes
 * cost the upstream, and node:http itself takes any number.
 */
const maxInterim = 16;

/** A request in flight. */
export interface TimedRequest {
  /** Aborted with the reason when a time is over, and by {@link TimedRequest.end}. */
  readonly signal: AbortSignal;
  /**
   * Sends the request.
   * @param open makes the request; not called if it has ended
   * @returns the head of the response; its body is not yet read
   * @throws the reason of the signal, or what node:http says
   */
  send(open: () => ClientRequest, body: Buffer): Promise<IncomingMessage>;
  /**
   * The response's body: whole, or destroyed with the reason. Destroying it ends the request.
   * @param explain turns what node:http says about a broken connection into the stream's error
   */
  body(incoming: IncomingMessage, explain: (error: unknown) => Error): Readable;
  /** Ends everything; does nothing if all is done. */
  end(reason: Error): void;
}

/**
 * A request whose time begins now.
 * @param tooLong makes the error for a stage that did not end in its time
 * @param onDone called once, when nothing of the request is left
 */
export function createTimedRequest(
  times: UpstreamTimeouts,
  tooLong: (what: string, ms: number) => Error,
  onDone: () => void,
): TimedRequest {
  const controller = new AbortController();
  const { signal } = controller;
  const limit = (what: string, ms: number) =>
    setTimeout(() => controller.abort(tooLong(what, ms)), ms);
  const total = limit('not done', times.totalMs);
  let stage: NodeJS.Timeout | undefined;
  const enter = (what: string, ms: number) => {
    clearTimeout(stage);
    stage = limit(what, ms);
  };
  let isDone = false;
  const done = () => {
    if (isDone) return;
    isDone = true;
    clearTimeout(total);
    clearTimeout(stage);
    onDone();
  };
  const untilHead = () => enter('no answer', times.firstByteMs);

  return {
    signal,
    end(reason) {
      if (isDone) return;
      controller.abort(reason);
      done();
    },
    send(open, body) {
      return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const outgoing = open();
        const abort = () => outgoing.destroy(signal.reason);
        signal.addEventListener('abort', abort);
        outgoing.on('error', reject);
        // After 101, and nothing else, a request closes without a word.
        outgoing.once('close', () => reject(new Error('no answer before the connection closed')));
        outgoing.once('socket', (socket) => {
          // A kept connection, or one that another request waited for.
          if (!socket.connecting) return untilHead();
          enter('no connection', times.connectMs);
          socket.once(
            'encrypted' in (socket as Partial<TLSSocket>) ? 'secureConnect' : 'connect',
            untilHead,
          );
        });
        let interim = 0;
        outgoing.on('information', () => {
          // Once: what node:http has read already it takes to its end, and an error for each is most of the cost.
          if (++interim === maxInterim + 1) outgoing.destroy(new Error('too many interim answers'));
        });
        outgoing.once('response', (incoming) => {
          // From here on, destroying the request could drop the rest of the body and still end it.
          signal.removeEventListener('abort', abort);
          enter('silent', times.silenceMs);
          resolve(incoming);
        });
        outgoing.end(body);
      });
    },
    body(incoming, explain) {
      const body = new PassThrough();
      // An error before anybody reads is not an uncaught exception: reading gives it again.
      body.on('error', () => {});
      const abort = () => body.destroy(signal.reason);
      signal.addEventListener('abort', abort);
      incoming.once('error', (error) => body.destroy(explain(error)));
      incoming.on('data', () => stage?.refresh());
      incoming.pipe(body);
      return body.once('close', () => {
        signal.removeEventListener('abort', abort);
        incoming.destroy();
        done();
      });
    },
  };
}
