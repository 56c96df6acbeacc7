/** The file of the history: its format, what it may hold, and how it is read and replaced. */
import type { Stats } from 'node:fs';
import { constants, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HistoryRecord, HistoryResult, HistorySource, Transition } from '../rpc/protocol.js';

/** One record covers so many seconds. */
export const historySeconds = 300;

/** A day of records. */
export const maxRecords = (24 * 3600) / historySeconds;

/** Changes of state that are kept; a generator that flaps for hours must not fill the file. */
export const maxTransitions = 64;

/** Sources of a record, and characters of a text, that a file may bring back. */
const maxSources = 1024;
export const maxText = 512;

/** A whole file is some 130 KB with seven sources. */
const maxFileBytes = 4 * 1024 * 1024;

const formatVersion = 1;

/** What the file keeps. */
type Kept = Pick<HistoryResult, 'records' | 'transitions'>;

/** The file's text, as {@link parseHistory} takes it. */
export function formatHistory({ records, transitions }: Kept): string {
  return JSON.stringify({ version: formatVersion, records, transitions });
}

/**
 * @param path opened without following a link
 * @returns its text; undefined if there is none
 * @throws Error if it is not a small regular file, or cannot be read
 */
export async function readSmallFile(path: string): Promise<string | undefined> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
  const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const stats: Stats = await file.stat();
    if (!stats.isFile() || stats.size > maxFileBytes) throw new Error('not a small regular file');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * Replaces a file: a reader sees the old one or the new one, also after a power failure.
 * @throws Error if it cannot be written
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.tmp`;
  // One that a killed process has left.
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    // On a full disk, half a file must not take the last of the space.
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const directory = await open(dirname(path), 'r');
  // Not every file system supports it.
  await directory.sync().catch(() => {});
  await directory.close();
}

/**
 * Reads a file that any program may have written.
 * @throws Error that says what is wrong
 */
export function parseHistory(text: string): Kept {
  const { version, records, transitions } = objectOf(JSON.parse(text));
  if (version !== formatVersion) throw new Error('another format');
  return {
    records: listOf(records, maxRecords).map((each) => {
      const { sources, ...record } = objectOf(each);
      return {
        time: timeOf(record.time),
        seconds: amountOf(record.seconds),
        state: textOf(record.state) as HistoryRecord['state'],
        requests: amountOf(record.requests),
        randomBytes: amountOf(record.randomBytes),
        refused: amountOf(record.refused),
        reseeds: amountOf(record.reseeds),
        sources: listOf(sources, maxSources).map((one) => {
          const source = objectOf(one);
          return {
            name: textOf(source.name),
            state: textOf(source.state) as HistorySource['state'],
            bytes: amountOf(source.bytes),
            alarms: amountOf(source.alarms),
            waitingSeconds: amountOf(source.waitingSeconds),
          };
        }),
      };
    }),
    transitions: listOf(transitions, maxTransitions).map((each) => {
      const { time, state, reason } = objectOf(each);
      return {
        time: timeOf(time),
        state: textOf(state) as Transition['state'],
        reason: textOf(reason),
      };
    }),
  };
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Error('want an object');
}

function listOf(value: unknown, most: number): unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  throw new Error(`want a list of at most ${most}`);
}

function amountOf(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new Error('want an amount');
}

function textOf(value: unknown): string {
  if (typeof value === 'string' && value.length <= maxText) return value;
  throw new Error('want a short text');
}

function timeOf(value: unknown): string {
  const text = textOf(value);
  if (!Number.isNaN(Date.parse(text))) return text;
  throw new Error('want a time');
}
