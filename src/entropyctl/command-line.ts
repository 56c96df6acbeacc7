/** The command line of `entropyctl`: its commands, options and help; to be run, or to be described. */
import { Argument, Command, Option } from 'commander';
import { version } from '../common/package.js';
import { prepare, UsageError } from '../common/program.js';
import { metrics, noise, version as printVersions, reseed, selftest } from './commands.js';
import { health } from './health.js';
import { formats, random } from './random.js';

const textfile = '/var/lib/prometheus/node-exporter/entropyd.prom';

/** A command with the options that all have, and examples behind its help. */
function add(
  program: Command,
  name: string,
  description: string,
  examples: readonly (readonly [command: string, does: string])[],
): Command {
  const width = Math.max(...examples.map(([command]) => command.length));
  const lines = examples.map(([command, does]) => `  ${command.padEnd(width)}  # ${does}`);
  return prepare(program.command(name))
    .description(description)
    .option('--socket <path>', "the daemon's Unix socket")
    .option('--json', 'answer and failure as a JSON object each')
    .addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

function size(what: string): Argument {
  return new Argument('<N>', `${what}; K, M and G are powers of 1024`).argParser(parseSize);
}

function output(): Option {
  return new Option('--output <file>', 'write to a file, which is replaced when all is there');
}

/** @returns a new program, which does nothing until it is parsed */
export function entropyctlProgram(): Command {
  const program = prepare(new Command('entropyctl'))
    .description('Asks the entropy daemon of this host.')
    .version(version)
    .addHelpText(
      'after',
      `
Exit codes: 0 success, 1 failure, 64 usage, 130 Ctrl-C, 141 the reader went away;
health has those of monitoring plug-ins. entropyctl COMMAND --help shows examples.`,
    );

  add(program, 'health', 'Prints one line; exits 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.', [
    ['entropyctl health', 'is all well, and if not, why'],
    ['entropyctl health --json | jq .reason', 'the same for a script'],
  ]).action(health);

  add(program, 'status', 'Prints the state, sources, seeds, latencies, refusals and changes.', [
    ['entropyctl status', 'a table'],
    ['entropyctl status --watch', 'live, with rates; q ends'],
    ['entropyctl status --watch --json', 'an object a line, for programs'],
  ])
    .option('--watch', 'again and again, with rates')
    .addOption(
      new Option('--interval <seconds>', 'between two looks, with --watch (default: 2)').argParser(
        parseInterval,
      ),
    )
    // With what lays out tables, which the other commands do not need.
    .action(async (options) => (await import('./status.js')).status(options));

  add(program, 'random', 'Prints N random bytes.', [
    ['entropyctl random 32', '32 bytes, in hex on a terminal'],
    ['entropyctl random 32 --format base64', 'a secret as text'],
    ['entropyctl random 16 --format uuid', 'a UUID'],
    ['entropyctl random 1G --output seed.bin', 'a file, there as a whole or not at all'],
    ['entropyctl random 64 --prediction-resistance', 'from entropy of this moment'],
  ])
    .addArgument(size('bytes'))
    .addOption(
      new Option('--format <name>', 'default: raw; hex on a terminal and with --json').choices(
        Object.keys(formats),
      ),
    )
    .option('--prediction-resistance', 'reseed from live entropy first')
    .addOption(output())
    .action(random);

  add(program, 'metrics', "Prints the daemon's metrics in Prometheus' text format.", [
    ['entropyctl metrics', 'the page'],
    [`entropyctl metrics --textfile ${textfile}`, 'for node_exporter'],
  ])
    .option('--textfile <path>', "a file for node_exporter's textfile collector, replaced at once")
    .action(metrics);

  add(
    program,
    'selftest',
    'Runs the health tests now (administrators); exits 1 if a source fails.',
    [
      ['entropyctl selftest', 'a line for each source, and the verdict'],
      ['entropyctl selftest --json', 'with all that is known of each source'],
    ],
  ).action(selftest);

  add(program, 'reseed', 'Reseeds the generator now (administrators).', [
    ['entropyctl reseed', 'also the way back from the error state'],
  ]).action(reseed);

  add(program, 'noise', 'Prints raw samples of a noise source, for assessment (administrators).', [
    ['entropyctl noise rdseed 1M --output rdseed.bin', "for NIST's ea_non_iid"],
    ['entropyctl noise getrandom 64 | xxd', 'a look at some'],
  ])
    .argument('<source>', 'its name, as in status')
    .addArgument(size('samples of a byte'))
    .addOption(output())
    .action(noise);

  add(program, 'version', 'Prints the versions of this command and of the daemon.', [
    ['entropyctl version', 'do they fit each other?'],
  ]).action(printVersions);

  return program;
}

// The numbers that commands take.

/**
 * Reads a number of bytes: digits and K, M or G for powers of 1024.
 * @throws UsageError
 */
export function parseSize(text: string): number {
  const [, digits, unit] = /^(\d{1,15})([KMG]?)$/.exec(text) ?? [];
  const size = Number(digits) * 1024 ** ['', 'K', 'M', 'G'].indexOf(unit ?? '');
  if (digits === undefined || size < 1 || !Number.isSafeInteger(size))
    throw new UsageError(`N: want a number of bytes from 1 on, such as 32, 4K, 1M or 2G: ${text}`);
  return size;
}

/** Seconds: often enough to see a burst, and seldom enough to be of use. */
const minInterval = 0.1;
const maxInterval = 3600;

/**
 * Reads a number of seconds.
 * @throws UsageError
 */
export function parseInterval(text: string): number {
  const seconds = /^\d{1,4}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= minInterval && seconds <= maxInterval) return seconds;
  throw new UsageError(`--interval: want ${minInterval} to ${maxInterval} seconds: ${text}`);
}
