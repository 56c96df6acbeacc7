/** Conventions of both programs: exit codes, one line for each failure, and signals. */
import { constants } from 'node:os';
import { inspect } from 'node:util';
import { type Command, CommanderError } from 'commander';
import { EntropyError, ServiceError } from './errors.js';
import { errorOutput, type LineOutput } from './line-output.js';
import { isJournal, journalPrefix } from './log.js';
import { printable, printableJson } from './terminal.js';

/** sysexits.h, EX_USAGE: the command was used incorrectly. */
export const usageExitCode = 64;
const failureExitCode = 1;

/** What a shell reports for a program that SIGPIPE ended. Node itself ignores that signal. */
const brokenPipeExitCode = 141;

/** A shell adds the signal's number to this: 130 for SIGINT. */
const signalExitCode = 128;

/** Codes in JSON of faults in the arguments, and of unforeseen failures. */
const usageCode = 'ERR_USAGE';
const unforeseenCode = 'ERR_INTERNAL';

/** pino's number for `error`. */
const errorLevel = 50;

/** A failure whose message is ready to print: what failed, at which path, and what to do. */
export class CommandError extends Error {
  /** An `ErrorCode`, or a system error's code such as `ENOSPC`. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A fault in the arguments. The message says how to fix it. */
export class UsageError extends CommandError {
  constructor(message: string) {
    super(usageCode, message);
  }
}

/** Whether an error comes from a system call: a file that cannot be opened, a full disk. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** Makes a command throw its usage errors, and parse options by position. */
export function prepare(program: Command): Command {
  return (
    program
      .enablePositionalOptions()
      .exitOverride()
      // `runProgram` reports these errors together with all others.
      .configureOutput({ outputError() {} })
  );
}

/**
 * Runs a program's command line, prints a failure, and sets the process's exit code.
 * @param argv as `process.argv`; with `--json` a failure is printed as JSON too
 * @param output for failures
 */
export async function runProgram(
  program: Command,
  argv: readonly string[],
  output: Pick<LineOutput, 'write'> = errorOutput,
): Promise<void> {
  try {
    await program.parseAsync(argv as string[]);
  } catch (error) {
    process.exitCode = report(program.name(), error, argv.includes('--json'), output);
  }
}

/**
 * Prints a failure in one line; an unforeseen one with its stack.
 * @returns the exit code
 */
function report(
  program: string,
  error: unknown,
  json: boolean,
  output: Pick<LineOutput, 'write'>,
): number {
  // Help and version are not failures. If a command is missing, its help has been printed instead.
  if (error instanceof CommanderError && error.code.startsWith('commander.help'))
    return error.exitCode === 0 ? 0 : usageExitCode;
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const { code, message } = describe(error);
  if (code === 'EPIPE') return brokenPipeExitCode;
  const told = message ?? (json ? printable(String(error)) : inspect(error));
  // Not console.error, which can wait for a pipe's reader.
  if (json) output.write(`${printableJson({ error: { code, message: told } })}\n`);
  else if (message === undefined) output.write(`${told}\n`);
  else output.write(`${isJournal() ? journalPrefix(errorLevel) : ''}${program}: ${told}\n`);
  return code === usageCode ? usageExitCode : failureExitCode;
}

/** Code and message of a failure. An unforeseen one has no message. */
function describe(error: unknown): { code: string; message?: string } {
  if (error instanceof CommanderError)
    return { code: usageCode, message: usageMessage(error.message) };
  // An API's error tells its clients less than its cause tells the operator.
  const cause = error instanceof ServiceError && error.cause instanceof Error ? error.cause : error;
  if (
    cause instanceof CommandError ||
    cause instanceof EntropyError ||
    cause instanceof ServiceError ||
    isSystemError(cause)
  )
    return { code: cause.code ?? unforeseenCode, message: printable(cause.message) };
  return { code: unforeseenCode };
}

function usageMessage(text: string): string {
  const fault = text
    .replace(/^error: /, '')
    .trimEnd()
    .replaceAll('\n', ' ');
  return `${fault} (see --help)`;
}

/**
 * From now on SIGINT, SIGTERM and SIGHUP end the process silently. Listeners for its 'exit' event
 * must undo what would otherwise stay: a half-written file, a changed terminal.
 */
export function endOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => process.exit(signalExitCode + constants.signals[signal]));
}

const terminating = ['SIGTERM', 'SIGINT'] as const;

/** Resolves at SIGTERM or SIGINT. A second one of them then ends the process at once. */
export function terminationSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const end = (signal: NodeJS.Signals) => {
      for (const each of terminating) process.off(each, end);
      resolve(signal);
    };
    for (const each of terminating) process.on(each, end);
  });
}
