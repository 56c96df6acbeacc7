/** The folder of a report: private, new or empty, with the samples, their hashes, and the report itself. */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Assessment, SourceDescription } from '../../common/assessment.js';
import { CommandError, isSystemError } from '../../common/program.js';
import { printable } from '../../common/terminal.js';
import type { HistoryRecord, HistoryResult, HistorySource } from '../../rpc/protocol.js';
import { outputFailure } from '../output.js';
import { isAmount, objectsIn, presentSources } from '../reported-status.js';
import type { RestartAssessment, RestartData } from '../restarts.js';
import { type SessionOptions, withClient } from '../session.js';
import { hostFacts } from './host.js';
import { reportPage } from './page.js';
import {
  type DaemonFacts,
  type DataFile,
  makeReport,
  type SourceInterval,
  type StateChange,
} from './report.js';

/** Raw samples of a source in use are its owner's only. */
const folderMode = 0o700;
const fileMode = 0o600;

/**
 * Creates the folder, or takes an empty one.
 * @throws CommandError `ERR_REPORT` if it has files; a system error's code if it cannot be made
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: folderMode });
  } catch (error) {
    if (!isSystemError(error) || error.code !== 'EEXIST') throw outputFailure(error, path);
    const names = await readdir(path).catch((cause: unknown) => {
      throw outputFailure(cause, path);
    });
    if (names.length > 0)
      throw new CommandError('ERR_REPORT', `${path} is not empty: name a new folder`);
  }
}

/** A file to write, and its bytes. */
type Content = readonly [name: string, data: Uint8Array | string];

/**
 * Writes files into the folder, each synced. A file that cannot be written takes those before it with it.
 * @throws CommandError with a system error's code
 */
async function writeFiles(path: string, files: readonly Content[]): Promise<void> {
  const written: string[] = [];
  try {
    for (const [name, data] of files) {
      const file = join(path, name);
      // Never a file, or a link, that somebody else has put there meanwhile.
      const handle = await open(file, 'wx', fileMode);
      written.push(file);
      try {
        await handle.writeFile(data);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
  } catch (error) {
    for (const file of written) await rm(file, { force: true });
    throw outputFailure(error, path);
  }
}

/** A file's name, size and hash, as a report has them. */
function describeFile(name: string, data: Uint8Array): DataFile {
  return { name, size: data.length, sha256: createHash('sha256').update(data).digest('hex') };
}

/** What `sha256sum -c` reads. */
function hashLines(files: readonly DataFile[]): string {
  return files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('');
}

/** What is assessed, and where it comes from. */
export interface AssessedData {
  readonly samples: Uint8Array;
  readonly restart: RestartData | undefined;
  /** Absent: the samples came from files. */
  readonly source?: SourceDescription;
  /** How long the samples took to read, if they are a source's. */
  readonly seconds: number | undefined;
  readonly restartSeconds: number | undefined;
}

/** The result of an assessment, and how it was asked for. */
interface Assessed extends SessionOptions {
  readonly created: Date;
  /** The file with the samples, if they are not a source's. */
  readonly input?: string;
  readonly assessment: Assessment;
  readonly claim: number | undefined;
  /** H_I of SP 800-90B 3.1.3. */
  readonly hInitial: number;
  readonly restarts: RestartAssessment | undefined;
}

/** Writes the samples, their hashes, and the report as JSON and HTML, the page last. */
export async function writeReport(
  folder: string,
  data: AssessedData,
  assessed: Assessed,
): Promise<void> {
  const { source, samples, restart, seconds, restartSeconds } = data;
  const { created, assessment, claim, hInitial, restarts, input, socket } = assessed;
  const contents: [string, Uint8Array][] = [['samples.bin', samples]];
  if (restart !== undefined) contents.push(['restarts.bin', restart.data]);
  const files = contents.map(([name, bytes]) => describeFile(name, bytes));
  const report = makeReport({
    created,
    assessment,
    claim,
    hInitial,
    restarts,
    command: ['entropyctl', ...process.argv.slice(2)],
    host: hostFacts(),
    source,
    input,
    seconds,
    restartSeconds,
    samples,
    files,
    daemon: source && (await daemonFacts(source.name, socket)),
  });
  await writeFiles(folder, [
    ...contents,
    ['SHA256SUMS', hashLines(files)],
    ['report.json', `${JSON.stringify(report, null, 2)}\n`],
    ['report.html', reportPage(report)],
  ]);
}

/** What a daemon of this host says of the source. There need not be one. */
async function daemonFacts(
  name: string,
  socket: string | undefined,
): Promise<DaemonFacts | undefined> {
  const asked = withClient(socket === undefined ? {} : { socket }, async (client) => ({
    status: await client.status(),
    // A daemon of an older version has none.
    history: await client.history().catch(() => undefined),
  }));
  const { status, history } = (await asked.catch(() => undefined)) ?? {};
  const found = presentSources(status ?? { sources: [] }).find(
    (source) => source.name === name || source.path === name,
  );
  if (status === undefined || found === undefined) return undefined;
  const { bytes, alarms, state, lastAlarm } = found;
  const { uptimeSeconds, version } = status;
  if (!isAmount(bytes) || !isAmount(alarms) || !isAmount(uptimeSeconds)) return undefined;
  return {
    version: printable(version),
    state: printable(state),
    uptimeSeconds,
    bytes,
    alarms,
    lastAlarm: printable(lastAlarm ?? ''),
    history: sourceIntervals(history, String(found.name)),
    transitions: stateChanges(history),
  };
}

/** A source's part of a history; whatever is not as it should be is left out. */
export function sourceIntervals(history: unknown, name: string): SourceInterval[] {
  const { records } = (history ?? {}) as Partial<HistoryResult>;
  return objectsIn(records).flatMap((record): SourceInterval[] => {
    const { time, seconds, sources, reseeds } = record as Partial<HistoryRecord>;
    const source = objectsIn(sources).find(
      (each) => (each as Partial<HistorySource>).name === name,
    );
    const { bytes, alarms, waitingSeconds } = (source ?? {}) as Partial<HistorySource>;
    if (typeof time !== 'string' || !isAmount(seconds) || seconds === 0) return [];
    if (!isAmount(bytes) || !isAmount(alarms) || !isAmount(waitingSeconds)) return [];
    const waiting = Math.min(1, waitingSeconds / seconds);
    const counts = { alarms, reseeds: isAmount(reseeds) ? reseeds : 0 };
    return [{ time: printable(time), bytesPerSecond: bytes / seconds, waiting, ...counts }];
  });
}

/** The changes of state of a history; whatever is not as it should be is left out. */
export function stateChanges(history: unknown): StateChange[] {
  const { transitions } = (history ?? {}) as Partial<HistoryResult>;
  return objectsIn(transitions).flatMap((change): StateChange[] => {
    const texts = ['time', 'state', 'reason'].map(
      (name) => (change as Record<string, unknown>)[name],
    );
    const [time, state, reason] = texts.map((text) =>
      typeof text === 'string' ? printable(text) : undefined,
    );
    return time === undefined || state === undefined || reason === undefined
      ? []
      : [{ time, state, reason }];
  });
}
