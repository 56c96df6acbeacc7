/** `entropyctl noise`: raw samples of a noise source, for assessment by SP 800-90B. */
import { isatty } from 'node:tty';
import type { Client } from '../client/client.js';
import { EntropyError } from '../common/errors.js';
import { UsageError } from '../common/program.js';
import { maxRandomSize } from '../rpc/protocol.js';
import { type Clock, realClock } from './clock.js';
import { withOutput } from './output.js';
import { printJson, type SessionOptions, withClient } from './session.js';

export interface NoiseCommandOptions extends SessionOptions {
  /** A file instead of standard output. */
  output?: string;
}

const standardOutputFd = 1;

/**
 * Writes raw samples of a noise source. They are not random bytes.
 * @param size samples, one byte each
 */
export async function noise(
  source: string,
  size: number,
  options: NoiseCommandOptions,
  clock: Clock = realClock,
): Promise<void> {
  const { output, json = false } = options;
  if (json && output === undefined) {
    if (size > maxRandomSize)
      throw new UsageError(`--json: N is at most 1M without --output FILE: ${size}`);
    const pieces: Uint8Array[] = [];
    await withClient(options, async (client) => {
      for await (const piece of samplesOf(client, source, size, clock)) pieces.push(piece);
    });
    await printJson({ source, size, data: Buffer.concat(pieces).toString('base64') });
    return;
  }
  if (output === undefined && isatty(standardOutputFd))
    throw new UsageError('noise: samples are binary; use --output FILE or a pipe');
  await withOutput(output, (write) =>
    withClient(options, async (client) => {
      for await (const piece of samplesOf(client, source, size, clock)) await write(piece);
    }),
  );
  if (json) await printJson({ source, size, output });
}

/**
 * The first piece, and none is smaller: SP 800-90B 3.1.1 wants sets of at least 1000 consecutive
 * samples.
 */
const minPiece = 1024;

/** The daemon reads for one caller at a time: another one waits for a piece at most. */
const maxPiece = 16 * 1024;

/** Longest wait for one piece: enough for the first one at 18 samples per second. */
const pieceTimeoutMs = 60_000;

/** A piece that came sooner is followed by one of twice its size. */
const quickMs = 1_000;

/** A piece that came later is followed by one of half its size. */
const slowMs = 10_000;

/** Between two attempts while the daemon reads for others. */
const busyPauseMs = 1_000;

/** Longest wait for a daemon that reads for others. */
const busyMs = 120_000;

/** Requests `size` samples, one piece after the other. */
async function* samplesOf(
  client: Client,
  source: string,
  size: number,
  clock: Clock,
): AsyncGenerator<Uint8Array> {
  let piece = minPiece;
  for (let left = size; left > 0; ) {
    const asked = left < piece + minPiece ? left : piece;
    const { samples, ms } = await onePiece(client, source, asked, clock);
    yield samples;
    left -= asked;
    if (ms < quickMs) piece = Math.min(piece * 2, maxPiece);
    else if (ms > slowMs) piece = Math.max(piece / 2, minPiece);
  }
}

/** One piece and the time that it took; while the daemon reads for others, this waits. */
async function onePiece(
  client: Client,
  source: string,
  size: number,
  clock: Clock,
): Promise<{ samples: Uint8Array; ms: number }> {
  const deadline = clock.now() + busyMs;
  for (;;) {
    const start = clock.now();
    try {
      const samples = await client.noise(source, size, { timeoutMs: pieceTimeoutMs });
      return { samples, ms: clock.now() - start };
    } catch (error) {
      const isBusy = error instanceof EntropyError && error.code === 'ERR_BUSY';
      if (!isBusy || start >= deadline) throw error;
    }
    await clock.wait(busyPauseMs);
  }
}
