/** `entropyctl status`: the whole picture of the daemon, once or again and again. */

import { setTimeout } from 'node:timers/promises';
import { type Client, connect } from '../client/client.js';
import { CommandError, UsageError } from '../common/program.js';
import { type Paint, paintFor, printable } from '../common/terminal.js';
import { clientSocket } from '../common/unix-socket.js';
import type { DaemonStatus } from '../rpc/protocol.js';
import { type Rates, ratesBetween, type Sample } from './rates.js';
import { asking, askingFailed, print, printJson, type SessionOptions } from './session.js';
import { boundText, picture } from './status-table.js';
import {
  bytes,
  count,
  defaultColumns,
  type Line,
  perSecond,
  render,
  Screen,
} from './terminal-ui.js';

export interface StatusCommandOptions extends SessionOptions {
  watch?: boolean;
  /** Seconds between samples, with `watch`. */
  interval?: number;
}

/** Seconds. */
const defaultInterval = 2;

/** Prints the status; with `watch` until it is ended. */
export async function status(options: StatusCommandOptions): Promise<void> {
  const { interval, json = false } = options;
  if (options.watch) return watch({ ...options, interval: interval ?? defaultInterval });
  if (interval !== undefined)
    throw new UsageError('--interval: it is for --watch, which is not there');
  const current = await asking(options, (client) => client.status());
  if (json) return printJson(current);
  const paint = paintFor(process.stdout);
  await print(
    picture(current)
      .map((line) => render(line, paint))
      .join('\n'),
  );
}

// `entropyctl status --watch`: one sample after another, until somebody ends it.

export interface WatchOptions extends SessionOptions {
  /** Seconds between samples. */
  interval: number;
}

/** What one look at the daemon gave. */
export interface Look {
  /** ISO 8601, UTC. */
  time: string;
  /** undefined where the daemon is away. */
  status?: Partial<DaemonStatus>;
  /** Since the look before; undefined with the first of a daemon. */
  rates?: Rates | undefined;
  error?: CommandError;
}

/** Where looks go to. */
type Show = (look: Look) => Promise<void> | void;

/** Looks again and again, also where the daemon is away: on a screen, or a line each. */
export async function watch(options: WatchOptions): Promise<void> {
  const { stdout, stdin, env } = process;
  if (options.json || !stdout.isTTY || env.TERM === 'dumb')
    return lookOn(options, options.json ? showJson : (look) => print(lineOf(look)));
  const ended = new AbortController();
  const screen = new Screen(stdout, stdin, {
    onQuit: () => ended.abort(),
    // As if the terminal had sent it.
    onInterrupt: () => process.kill(process.pid, 'SIGINT'),
  });
  const paint = paintFor(stdout);
  const foot = `every ${options.interval} s; q ends`;
  let last: Look | undefined;
  try {
    await lookOn(
      options,
      (look) => {
        // While the daemon is away, what it said last stays.
        const shown = look.status === undefined ? { ...last, ...look } : look;
        last = shown;
        screen.show((columns) => linesOf(shown, foot, paint, columns));
      },
      ended.signal,
    );
  } finally {
    screen.close();
  }
}

async function lookOn(
  { socket, interval }: WatchOptions,
  show: Show,
  signal?: AbortSignal,
): Promise<void> {
  const path = clientSocket(socket);
  const client = connect({ socketPath: path, ...(signal === undefined ? {} : { signal }) });
  try {
    let before: Sample | undefined;
    for (;;) {
      const look = await lookAt(client, path, before);
      if (signal?.aborted) return;
      before = look.status === undefined ? undefined : look;
      await show(look);
      await setTimeout(interval * 1000, undefined, { ...(signal === undefined ? {} : { signal }) });
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    await client.close();
  }
}

/** Never rejects but for what is not foreseen. */
async function lookAt(
  client: Client,
  path: string,
  before: Sample | undefined,
): Promise<Look & Sample> {
  const looked = (rest: object) => ({
    at: performance.now(),
    time: new Date().toISOString(),
    ...rest,
  });
  try {
    const status: Partial<DaemonStatus> = await client.status();
    const sample = looked({ status }) as Look & Sample;
    return { ...sample, rates: ratesBetween(before, sample) };
  } catch (cause) {
    const error = askingFailed(cause, path);
    if (!(error instanceof CommandError)) throw error;
    return looked({ error }) as Look & Sample;
  }
}

function showJson({ time, status, rates, error }: Look): Promise<void> {
  if (error !== undefined)
    return printJson({ time, error: { code: error.code, message: error.message } });
  const { p50, p99, ...each } = rates ?? {};
  const seconds = (bound = p50) => (bound === undefined || bound.above ? null : bound.seconds);
  return printJson({
    time,
    status,
    rates:
      rates === undefined ? null : { ...each, p50Seconds: seconds(p50), p99Seconds: seconds(p99) },
  });
}

/** A look in one line, where there is no screen. */
export function lineOf({ time, status, rates, error }: Look): string {
  if (error !== undefined) return `${time}  unreachable  ${printable(error.message)}`;
  const { state, connections } = status ?? {};
  const parts = [time, printable(state), `connections ${count(connections)}`];
  if (rates !== undefined) parts.push(...ratesText(rates));
  return parts.join('  ');
}

function ratesText({ requestsPerSecond, bytesPerSecond, readsPerSecond, p99 }: Rates): string[] {
  return [
    `requests ${perSecond(requestsPerSecond)}`,
    `${bytes(bytesPerSecond)}/s`,
    `reads ${perSecond(readsPerSecond)}`,
    `p99 ${boundText(p99)}`,
  ];
}

/** A look as a picture of the terminal's width. */
export function linesOf(look: Look, foot: string, paint: Paint, columns: number): string[] {
  const { time, status, rates, error } = look;
  const head: Line = [{ text: `${time.slice(0, 19).replace('T', ' ')}Z   ${foot}`, style: 'dim' }];
  const away: Line[] =
    error === undefined ? [] : [[{ text: printable(error.message), style: 'red' }]];
  const rest = status === undefined ? [] : picture(status, rates);
  const width = Math.min(columns, defaultColumns);
  return [head, ...away, ...rest].map((line) => render(line, paint, width));
}
