/** `entropyctl status`: the daemon's status as a table or JSON, once or live. */
import { type Client, connect } from '../client/client.js';
import { CommandError, UsageError } from '../common/program.js';
import { type Paint, paintFor, printable } from '../common/terminal.js';
import { clientSocket } from '../common/unix-socket.js';
import { type Clock, realClock } from './clock.js';
import { type Rates, type Reading, ratesBetween } from './rates.js';
import type { ReportedStatus } from './reported-status.js';
import { print, printJson, requestFailure, type SessionOptions, withClient } from './session.js';
import { boundText, renderStatus } from './status-table.js';
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
  /** Seconds between polls, with `watch`. */
  interval?: number;
}

/** Seconds between polls. */
const defaultInterval = 2;

/** Prints the status; with `watch` again and again until interrupted. */
export async function status(
  options: StatusCommandOptions,
  clock: Clock = realClock,
): Promise<void> {
  const { interval, json = false } = options;
  if (options.watch) return watch({ ...options, interval: interval ?? defaultInterval }, clock);
  if (interval !== undefined) throw new UsageError('--interval: only valid with --watch');
  const current = await withClient(options, (client) => client.status());
  if (json) return printJson(current);
  const paint = paintFor(process.stdout);
  await print(
    renderStatus(current)
      .map((line) => render(line, paint))
      .join('\n'),
  );
}

interface WatchOptions extends SessionOptions {
  /** Seconds between polls. */
  interval: number;
}

/** The result of one poll. */
export interface Sample {
  /** ISO 8601, UTC. */
  time: string;
  /** Undefined while the daemon is away. */
  status?: ReportedStatus;
  /** Since the sample before; undefined for the first sample of a daemon. */
  rates?: Rates | undefined;
  /** Why there is no status. */
  error?: CommandError;
}

/** Shows samples in place on a terminal; otherwise one line or one JSON object per sample. */
async function watch(options: WatchOptions, clock: Clock): Promise<void> {
  const { stdout, stdin, env } = process;
  if (options.json) return poll(options, clock, (sample) => printJson(jsonOf(sample)));
  if (!stdout.isTTY || env.TERM === 'dumb')
    return poll(options, clock, (sample) => print(lineOf(sample)));
  const quit = new AbortController();
  const screen = new Screen(stdout, stdin, {
    onQuit: () => quit.abort(),
    // In raw mode the terminal sends no signal.
    onInterrupt: () => process.kill(process.pid, 'SIGINT'),
  });
  const paint = paintFor(stdout);
  const hint = `every ${options.interval} s; q quits`;
  let last: Sample | undefined;
  const show = (sample: Sample) => {
    // While the daemon is away, its last status stays on the screen.
    const shown = sample.status === undefined ? { ...last, ...sample } : sample;
    last = shown;
    screen.show((columns) => screenLines(shown, hint, paint, columns));
  };
  try {
    await poll(options, clock, show, quit.signal);
  } finally {
    screen.close();
  }
}

/** Takes a sample every `interval` seconds, also while the daemon is away, until `signal` is aborted. */
async function poll(
  { socket, interval }: WatchOptions,
  clock: Clock,
  show: (sample: Sample) => Promise<void> | void,
  signal?: AbortSignal,
): Promise<void> {
  const path = clientSocket(socket);
  const client = connect({ socketPath: path, ...(signal === undefined ? {} : { signal }) });
  try {
    let before: Reading | undefined;
    for (;;) {
      const result = await statusOrFailure(client, path);
      if (signal?.aborted) return;
      const time = new Date().toISOString();
      if (result instanceof CommandError) {
        before = undefined;
        await show({ time, error: result });
      } else {
        const reading = { at: clock.now(), status: result };
        await show({ time, status: result, rates: ratesBetween(before, reading) });
        before = reading;
      }
      await clock.wait(interval * 1000, signal);
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    await client.close();
  }
}

async function statusOrFailure(
  client: Client,
  path: string,
): Promise<ReportedStatus | CommandError> {
  try {
    return await client.status();
  } catch (error) {
    const failure = requestFailure(error, path);
    if (failure instanceof CommandError) return failure;
    throw failure;
  }
}

/** A sample as JSON; a quantile without samples, or above the histogram's last bound, is null. */
function jsonOf({ time, status, rates, error }: Sample): object {
  if (error !== undefined) return { time, error: { code: error.code, message: error.message } };
  if (rates === undefined) return { time, status, rates: null };
  const { p50, p99, ...each } = rates;
  const seconds = (bound: Rates['p50']) =>
    bound === undefined || bound.above ? null : bound.seconds;
  return {
    time,
    status,
    rates: { ...each, p50Seconds: seconds(p50), p99Seconds: seconds(p99) },
  };
}

/** A sample as one line of text. */
export function lineOf({ time, status, rates, error }: Sample): string {
  if (error !== undefined) return `${time}  unreachable  ${printable(error.message)}`;
  const parts = [time, printable(status?.state), `connections ${count(status?.connections)}`];
  if (rates !== undefined)
    parts.push(
      `requests ${perSecond(rates.requestsPerSecond)}`,
      `${bytes(rates.bytesPerSecond)}/s`,
      `reads ${perSecond(rates.readsPerSecond)}`,
      `p99 ${boundText(rates.p99)}`,
    );
  return parts.join('  ');
}

/** A sample as lines of the terminal's width. */
export function screenLines(
  { time, status, rates, error }: Sample,
  hint: string,
  paint: Paint,
  columns: number,
): string[] {
  const lines: Line[] = [
    [{ text: `${time.slice(0, 19).replace('T', ' ')}Z   ${hint}`, style: 'dim' }],
    ...(error === undefined ? [] : [[{ text: printable(error.message), style: 'red' } as const]]),
    ...(status === undefined ? [] : renderStatus(status, rates)),
  ];
  return lines.map((line) => render(line, paint, Math.min(columns, defaultColumns)));
}
