/**
 * Fuzzes the gateway's HTTP/2: sessions of good clients, whose streams have the answers that they would have
 * over HTTP/1.1, and beside them sessions of frames that are broken.
 */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { clients as listed } from '../apis/clients.js';
import { block, flags, frame, hello, RawSession, types, uint32 } from '../support/http2-frames.js';
import { until } from '../support/until.js';
import type { HttpFuzzOptions, Target } from './http.js';
import type { Answer } from './http-answers.js';
import { createOracle, type Field, type Oracle } from './http-oracle.js';
import { type KnownRequest, knownRequest } from './http-requests.js';
import { mutate } from './mutations.js';
import { Prng } from './prng.js';

/** Sessions at a time, and streams of one: as many as the gateway allows. */
const lanes = 8;
const maxStreams = 16;

/** Fields that HTTP/2 says otherwise, or forbids (RFC 9113 8.2.2). */
const left = /^(host|connection|keep-alive|te|upgrade|transfer-encoding|content-length|expect)$/i;

/** What a request of HTTP/1.1 says. */
interface Said {
  readonly pseudo: Record<string, string>;
  readonly fields: Field[];
  readonly body: Buffer;
}

/** Takes a well-formed request apart. */
function saidBy({ bytes }: KnownRequest): Said {
  const at = bytes.indexOf('\r\n\r\n');
  const [first = '', ...lines] = bytes.toString('latin1', 0, at).split('\r\n');
  const [method = '', target = ''] = first.split(' ');
  const all = lines.map((line): Field => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const value = (name: string) => all.find(([each]) => each === name)?.[1];
  const [, authority = value('host') ?? 'localhost', path = target] =
    /^https?:\/\/([^/?]*)(.*)$/i.exec(target) ?? [];
  let body = bytes.subarray(at + 4);
  if (value('transfer-encoding') !== undefined) body = unchunked(body);
  return {
    pseudo: {
      ':method': method,
      ':scheme': 'http',
      ':authority': authority,
      ':path': path.startsWith('/') || path === '*' ? path : `/${path}`,
    },
    fields: all.filter(([name]) => !left.test(name)),
    body,
  };
}

/** RFC 9112 7.1. */
function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
  }
}

/** A client as it should be, but for streams that it resets. @returns requests whose answers were judged */
async function behave({ to, verifies }: Target, oracle: Oracle, prng: Prng): Promise<number> {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(to) });
  session.on('error', () => {});
  const one = async (): Promise<number> => {
    const known = knownRequest(oracle, verifies, prng);
    const { pseudo, fields, body } = saidBy(known);
    const headers: Record<string, string | string[]> = { ...pseudo };
    for (const [name, value] of fields)
      headers[name] = name in headers ? [headers[name] as string, value].flat() : value;
    const [cut, leaves] = [prng.below(body.length + 1), prng.chance(0.1)];
    const stream = session.request(headers, { endStream: body.length === 0 });
    stream.on('error', () => {});
    // The response may come before the body has gone.
    const ended = new AbortController();
    stream.once('close', () => ended.abort(`closed with ${stream.rstCode}`));
    const response = once(stream, 'response', { signal: ended.signal });
    response.catch(() => {});
    // node:http2 sends no body with HEAD.
    if (body.length > 0 && !stream.writableEnded && prng.chance(0.5)) {
      stream.write(body.subarray(0, cut));
      await setImmediate();
      if (!leaves) stream.end(body.subarray(cut));
    } else if (!leaves && !stream.writableEnded) stream.end(body);
    if (leaves) {
      stream.close(prng.pick([0, 2, 8]));
      return 0;
    }
    const shown = `  sent ${JSON.stringify(known.bytes.toString('latin1').slice(0, 2000))}`;
    const [answered] = await response.catch((error) => {
      throw new Error(`${error.cause ?? error.message}\n${shown}`);
    });
    const content = await text(stream.setEncoding('latin1'));
    const { ':status': status, ...rest } = answered;
    const answer: Answer = {
      status,
      headers: new Map(Object.entries(rest).map(([name, value]) => [name, String(value)])),
      body: known.bodiless ? undefined : content,
    };
    const fault = oracle.faultOf(answer, known.expected);
    if (fault !== undefined) throw new Error(`${fault}\n${shown}`);
    return 1;
  };
  let judged = 0;
  for (let rounds = prng.between(1, 3); rounds > 0; rounds--) {
    const streams = Array.from({ length: prng.between(1, maxStreams >> 1) }, one);
    for (const count of await Promise.all(streams)) judged += count;
  }
  if (prng.chance(0.2)) session.destroy();
  else session.close();
  return judged;
}

/** Frames of requests, well-formed, with others between them. */
function framesOf(target: Target, oracle: Oracle, prng: Prng): Buffer {
  const frames = [hello()];
  for (let id = 1, count = prng.between(1, 20); count > 0; count--, id += 2) {
    const { pseudo, fields, body } = saidBy(knownRequest(oracle, target.verifies, prng));
    const head = block([...Object.entries(pseudo), ...fields]);
    const cut = prng.chance(0.3) ? prng.below(head.length) : head.length;
    const end = body.length === 0 ? flags.end : 0;
    frames.push(
      frame(
        'headers',
        end | (cut === head.length ? flags.endHeaders : 0),
        id,
        head.subarray(0, cut),
      ),
    );
    if (cut < head.length)
      frames.push(frame('continuation', flags.endHeaders, id, head.subarray(cut)));
    if (end === 0) {
      const at = prng.below(body.length);
      frames.push(frame('data', 0, id, body.subarray(0, Math.min(at, 16_384))));
      frames.push(frame('data', flags.end, id, body.subarray(at, at + 16_384)));
    }
    if (prng.chance(0.3)) frames.push(frame('reset', 0, id, uint32(prng.below(14))));
    if (prng.chance(0.3))
      frames.push(frame('windowUpdate', 0, prng.pick([0, id]), uint32(prng.between(0, 100))));
    if (prng.chance(0.2)) frames.push(frame('ping', prng.below(2), 0, prng.bytes(8)));
    if (prng.chance(0.2)) frames.push(frame('priority', 0, id, prng.bytes(5)));
    if (prng.chance(0.1))
      frames.push(
        frame(
          prng.below(Object.keys(types).length + 2),
          prng.below(256),
          prng.pick([0, id, 99]),
          prng.bytes(prng.below(40)),
        ),
      );
  }
  return Buffer.concat(frames);
}

/** A client that sends what is broken: the gateway ends it, or lets it be. */
async function misbehave(target: Target, oracle: Oracle, prng: Prng): Promise<void> {
  const socket = connect({ ...target.to, allowHalfOpen: true });
  await once(socket, 'connect');
  const session = new RawSession(socket);
  const frames = framesOf(target, oracle, prng);
  const bytes = prng.chance(0.8) ? mutate(frames, prng) : frames;
  for (let at = 0; at < bytes.length; ) {
    const end = at + prng.between(1, prng.chance(0.1) ? 16 : 20_000);
    session.write(bytes.subarray(at, end));
    at = end;
    await setImmediate();
  }
  if (prng.chance(0.5)) socket.end();
  // Whatever it is, it does not take the gateway's time for long.
  if (prng.chance(0.5))
    await until(
      () => session.closed || socket.readableEnded || socket.bytesRead > 0 || socket.writableEnded,
      'anything',
    );
  // libuv never closes a socket that is reset while its end is on the way.
  if (prng.chance(0.5) && 'port' in target.to && !socket.writableEnded) socket.resetAndDestroy();
  else socket.destroy();
}

export interface Http2FuzzReport {
  /** Requests whose answers are known. */
  requests: number;
  /** Sessions of good clients, and of frames that may be broken. */
  good: number;
  broken: number;
}

export interface Http2FuzzOptions extends Omit<HttpFuzzOptions, 'onSession'> {
  /** Called with the report so far after each session. */
  onSession?: ((report: Http2FuzzReport) => void) | undefined;
}

/**
 * Runs sessions with the seeds `seed`, `seed + 1` and so on until there were enough requests.
 * @throws Error of the first session that failed: its seed, and how to repeat it
 */
export async function fuzzHttp2(options: Http2FuzzOptions): Promise<Http2FuzzReport> {
  const { targets, requests: wanted, seed, clients = listed, onSession = () => {} } = options;
  const report: Http2FuzzReport = { requests: 0, good: 0, broken: 0 };
  const goesOn = typeof wanted === 'function' ? wanted : () => report.requests < wanted;
  const oracle = createOracle(clients);
  let next = seed;
  let failed = false;
  const lane = async () => {
    while (!failed && goesOn()) {
      const own = next++;
      const prng = new Prng(own);
      const target = targets[own % targets.length] as Target;
      try {
        if (prng.chance(0.4)) {
          await misbehave(target, oracle, prng);
          report.broken++;
        } else {
          report.requests += await behave(target, oracle, prng);
          report.good++;
        }
      } catch (error) {
        failed = true;
        const { message } = error as Error;
        throw new Error(`seed ${own}: ${message}\nrepeat it: npm run fuzz:http2 -- 1 ${own}`, {
          cause: error,
        });
      }
      onSession(report);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return report;
}
