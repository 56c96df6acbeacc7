/** How both programs end: exit codes, and one line for each failure. */

import { constants } from 'node:os';
import { type Command, CommanderError } from 'commander';
import { EntropyError, ServiceError } from './errors.js';
import { isJournal, journalPrefix } from './log.js';
import { printable } from './terminal.js';

/** sysexits.h: the command was used incorrectly. */
export const usageExitCode = 64;
const failureExitCode = 1;

/** Of faults in the arguments, and of what is not foreseen. */
const usageCode = 'ERR_USAGE';
const unforeseenCode = 'ERR_INTERNAL';

/** pino's. */
const errorLevel = 50;

/** Where standard output was closed, what a shell reports of a program that SIGPIPE ended; Node ignores the signal itself. */
const brokenPipeExitCode = 141;

/**
 * Runs a program's command line and sets the process's exit code.
 * @param argv as `process.argv`; `--json` makes failures JSON too
 */
export async function runProgram(program: Command, argv: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(argv as string[]);
  } catch (error) {
    process.exitCode = report(program.name(), error, argv.includes('--json'));
  }
}

/** Says what went wrong, in one line; what is not foreseen keeps its stack. */
function report(program: string, error: unknown, json: boolean): number {
  // Help and version are no failures; help in place of a missing command has been printed.
  if (error instanceof CommanderError && error.code.startsWith('commander.help'))
    return error.exitCode === 0 ? 0 : usageExitCode;
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const { code, message } = toldOf(error);
  if (code === 'EPIPE') return brokenPipeExitCode;
  if (json)
    console.error(
      JSON.stringify({ error: { code, message: message ?? printable(String(error)) } }),
    );
  else if (message === undefined) console.error(error);
  else console.error(`${isJournal() ? journalPrefix(errorLevel) : ''}${program}: ${message}`);
  return code === usageCode ? usageExitCode : failureExitCode;
}

/** Code and message of a failure; without a message where it is not foreseen. */
function toldOf(error: unknown): { code: string; message?: string } {
  if (error instanceof CommanderError)
    return { code: usageCode, message: usageMessage(error.message) };
  // An API's error tells its clients less than its cause tells who runs this program.
  const told = error instanceof ServiceError && error.cause instanceof Error ? error.cause : error;
  if (
    told instanceof CommandError ||
    told instanceof EntropyError ||
    told instanceof ServiceError ||
    isSystemError(told)
  )
    return { code: told.code ?? unforeseenCode, message: printable(told.message) };
  return { code: unforeseenCode };
}

function usageMessage(text: string): string {
  const fault = text
    .replace(/^error: /, '')
    .trimEnd()
    .replaceAll('\n', ' ');
  return `${fault} (--help shows what there is)`;
}

/** Makes a program whose usage errors come as exceptions and that reads options by position. */
export function prepare(program: Command): Command {
  return (
    program
      .enablePositionalOptions()
      .exitOverride()
      // It is reported with all other failures.
      .configureOutput({ outputError() {} })
  );
}

/** What a shell reports of a program that a signal ended: 130 for SIGINT. */
const signalExitCode = 128;

/**
 * From now on SIGINT, SIGTERM and SIGHUP end the process without a word. Listeners of its 'exit'
 * event undo what would stay: half a file, a changed terminal.
 */
export function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(signalExitCode + constants.signals[signal]));
}

const signals = ['SIGTERM', 'SIGINT'] as const;

/** Resolves at SIGTERM or SIGINT; a second one of them ends the process at once. */
export function terminationSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const end = (signal: NodeJS.Signals) => {
      for (const each of signals) process.off(each, end);
      resolve(signal);
    };
    for (const each of signals) process.on(each, end);
  });
}

// What a failure means to who runs a command: what it is, at which path, and what to do.

/** A failure in a form to be printed, in one line. */
export class CommandError extends Error {
  /** An `ErrorCode`, or a system error's such as `ENOSPC`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A fault in the arguments, with what to do about it. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super('ERR_USAGE', message);
  }
}

/** A file that cannot be opened, a full disk. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
