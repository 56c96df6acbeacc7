/** How both programs end: exit codes, and one line for each failure. */
import { type Command, CommanderError } from 'commander';
import { EntropyError, ServiceError } from '../errors.js';
import { isJournal, journalPrefix } from '../log.js';

/** sysexits.h: the command was used incorrectly. */
export const usageExitCode = 64;
const failureExitCode = 1;

/** pino's. */
const errorLevel = 50;

/** A fault in the arguments, with what to do about it. */
export class UsageError extends Error {}

/**
 * Runs a program's command line and sets the process's exit code.
 * @param argv as `process.argv`
 */
export async function runProgram(program: Command, argv: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(argv as string[]);
  } catch (error) {
    process.exitCode = report(program.name(), error);
  }
}

/** Says what went wrong, in one line; what is not foreseen keeps its stack. */
function report(program: string, error: unknown): number {
  // Commander has printed its own line; help and version are no failures.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExitCode;
  if (error instanceof UsageError) {
    console.error(`${program}: ${error.message}`);
    return usageExitCode;
  }
  // An API's error tells its clients less than its cause tells who runs this program.
  const told = error instanceof ServiceError && error.cause instanceof Error ? error.cause : error;
  if (told instanceof EntropyError || told instanceof ServiceError || isSystemError(told))
    console.error(`${isJournal() ? journalPrefix(errorLevel) : ''}${program}: ${told.message}`);
  else console.error(error);
  return failureExitCode;
}

/** A file that cannot be opened, a full disk. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** Makes a program whose usage errors come as exceptions and that reads options by position. */
export function prepare(program: Command): Command {
  return program
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      outputError(text, write) {
        const fault = text
          .replace(/^error: /, '')
          .trimEnd()
          .replaceAll('\n', ' ');
        write(`${(program.parent ?? program).name()}: ${fault} (--help shows what there is)\n`);
      },
    });
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
