/** A report's content, which is its JSON too: what was assessed, on which host, with which result. */
import type { Assessment, SourceDescription } from '../../common/assessment.js';
import type { RestartAssessment } from '../restarts.js';
import type { HostFacts } from './host.js';
import {
  autocorrelation,
  type BitPlane,
  bitPlanes,
  type FalseAlarms,
  falseAlarms,
  histogram,
} from './measures.js';

/** Version of the JSON's format, raised when a change breaks its readers. */
export const reportVersion = 1;

/** Lags of the autocorrelation. */
const lags = 64;

/** A file of the report's folder with raw samples. */
export interface DataFile {
  name: string;
  size: number;
  /** SHA-256 of its bytes, hex. */
  sha256: string;
}

/** What a running daemon says of the source; undefined if there is none or it does not know the source. */
export interface DaemonFacts {
  version: string;
  state: string;
  uptimeSeconds: number;
  /** Samples that it has read of the source. */
  bytes: number;
  alarms: number;
  lastAlarm: string;
  /** The source in the last day, oldest first; empty if the daemon has no history. */
  history: SourceInterval[];
  /** The daemon's changes of state in the last day, oldest first. */
  transitions: StateChange[];
}

/** A change of the daemon's state, or of its reason. */
export interface StateChange {
  /** ISO 8601. */
  time: string;
  state: string;
  reason: string;
}

/** An interval of the daemon's history. */
export interface SourceInterval {
  /** Its end, ISO 8601. */
  time: string;
  bytesPerSecond: number;
  /** Share of the interval in which the source had nothing to give, 0 to 1. */
  waiting: number;
  alarms: number;
  /** How often the daemon reseeded, from whichever sources. */
  reseeds: number;
}

export interface ReportInput {
  /** When the collection began. */
  created: Date;
  /** The command that made the report. */
  command: readonly string[];
  host: HostFacts;
  /** undefined: the samples came from a file. */
  source: SourceDescription | undefined;
  /** The file that was assessed, if not a source. */
  input: string | undefined;
  /** How long the samples took; undefined: they came from a file. */
  seconds: number | undefined;
  restartSeconds: number | undefined;
  samples: Uint8Array;
  files: DataFile[];
  assessment: Assessment;
  /** What the designer claims, bits per sample; undefined: nothing. */
  claim: number | undefined;
  /** H_I of SP 800-90B 3.1.3: the least of estimate and claim. */
  hInitial: number;
  restarts: RestartAssessment | undefined;
  daemon: DaemonFacts | undefined;
}

export interface Report
  extends Omit<ReportInput, 'created' | 'samples' | 'source' | 'daemon' | 'restarts' | 'claim'> {
  reportVersion: number;
  created: string;
  source: SourceDescription | null;
  samples: number;
  claim: number | null;
  /** Bits per sample: of the restart tests if there were any, and they give 0 if one failed. */
  minEntropy: number;
  restarts: RestartAssessment | null;
  histogram: number[];
  autocorrelation: number[];
  bitPlanes: BitPlane[];
  daemon: DaemonFacts | null;
  falseAlarms: FalseAlarms | null;
  /** To repeat the estimates with NIST's tool, in the report's folder. */
  repeat: string[];
}

/** Computes what follows from the samples, and puts everything together. */
export function makeReport(input: ReportInput): Report {
  const { samples, created, source, daemon, assessment, claim, restarts, ...rest } = input;
  const rate =
    daemon === undefined || daemon.uptimeSeconds === 0
      ? undefined
      : daemon.bytes / daemon.uptimeSeconds;
  return {
    reportVersion,
    created: created.toISOString(),
    ...rest,
    source: source ?? null,
    samples: samples.length,
    minEntropy: restarts?.minEntropy ?? input.hInitial,
    assessment,
    claim: claim ?? null,
    restarts: restarts ?? null,
    histogram: histogram(samples),
    autocorrelation: autocorrelation(samples, lags),
    bitPlanes: bitPlanes(samples, assessment.bitsPerSymbol),
    daemon: daemon ?? null,
    falseAlarms:
      source === undefined ? null : falseAlarms(source.alphaLog2, source.proportionWindow, rate),
    repeat: repeatCommands(input),
  };
}

/** NIST's tool reads its file's width as an argument, and H_I of the restart test as another. */
function repeatCommands({ files, assessment, claim, hInitial, restarts }: ReportInput): string[] {
  const { bitsPerSymbol } = assessment;
  const [sequential, restart] = files;
  const lines = ['sha256sum -c SHA256SUMS'];
  if (sequential !== undefined)
    lines.push(`ea_non_iid -i -a -v ${sequential.name} ${bitsPerSymbol}`);
  // The tool knows this shape alone.
  if (restart !== undefined && restarts?.restarts === 1000 && restarts.samples === 1000)
    lines.push(`ea_restart -n -v ${restart.name} ${bitsPerSymbol} ${hInitial}`);
  const claimed = claim === undefined ? '' : ` --claim ${claim}`;
  const again =
    restarts === undefined
      ? ''
      : ` --restart-input ${restart?.name} --restarts ${restarts.restarts}x${restarts.samples}`;
  lines.push(
    `entropyctl assess --input ${sequential?.name} --bits-per-symbol ${bitsPerSymbol}${claimed}${again}`,
  );
  return lines;
}
