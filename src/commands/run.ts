/** How both programs end: exit codes, and one line for each failure. */
import { type Command, CommanderError } from 'commander';
import { EntropyError, ServiceError } from '../errors.js';

/** sysexits.h: the command was used incorrectly. */
export const usageExitCode = 64;
const failureExitCode = 1;

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
  if (error instanceof EntropyError || error instanceof ServiceError)
    console.error(`${program}: ${error.message}`);
  else console.error(error);
  return failureExitCode;
}

/** Makes a program whose usage errors come as exceptions and that reads options by position. */
export function prepare(program: Command): Command {
  return program
    .enablePositionalOptions()
    .exitOverride()
    .showHelpAfterError('(--help shows what there is)');
}

/** Resolves at SIGTERM or SIGINT; a second one of them ends the process at once. */
export function terminationSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
  });
}
