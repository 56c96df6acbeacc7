/** The command line of `entropyctl`: all commands, hence the length, with options and help. man/ describes it too. */
import { Argument, Command, Option } from 'commander';
import { version } from '../common/package.js';
import { prepare, UsageError } from '../common/program.js';
import { metrics, version as printVersions, reseed, selftest } from './commands.js';
import { formats } from './formats.js';
import { health } from './health.js';
import { noise } from './noise.js';
import { random } from './random.js';
import { awaitedStates, wait } from './wait.js';

/** @returns a new program, which does nothing until it is parsed */
export function entropyctlProgram(): Command {
  const program = prepare(new Command('entropyctl'))
    .description('Queries and controls the entropy daemon of this host.')
    .version(version)
    .addHelpText(
      'after',
      `
Exit codes: 0 success, 1 failure, 64 usage error, 130 Ctrl-C, 141 broken pipe;
health uses those of monitoring plug-ins. entropyctl COMMAND --help shows examples.`,
    );

  add(program, 'health', 'Prints one line; exits 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.', [
    ['entropyctl health', 'state, reason, passing sources and figures'],
    ['entropyctl health --json | jq .reason', 'the reason, for a script'],
  ]).action(health);

  add(program, 'status', 'Prints state, sources, seeds, latencies, refused requests and changes.', [
    ['entropyctl status', 'a table'],
    ['entropyctl status --watch', 'live, with rates; q quits'],
    ['entropyctl status --watch --json', 'one object per line, for programs'],
  ])
    .option('--watch', 'poll until interrupted, and show rates')
    .addOption(
      new Option('--interval <seconds>', 'time between polls, with --watch (default: 2)').argParser(
        parseInterval,
      ),
    )
    // Loaded on first use: other commands do not lay out tables.
    .action(async (options) => (await import('./status.js')).status(options));

  add(program, 'random', 'Prints N random bytes.', [
    ['entropyctl random 32', '32 bytes; hex on a terminal'],
    ['entropyctl random 32 --format base64', 'a secret as text'],
    ['entropyctl random 24 --format password', 'a password of 24 characters'],
    ['entropyctl random 16 --format uuid', 'a UUID'],
    ['entropyctl random 1G --output seed.bin', 'a file, written completely or not at all'],
    ['entropyctl random 64 --prediction-resistance', 'from fresh entropy'],
  ])
    .addArgument(size('bytes, or characters of a password'))
    .addOption(
      new Option('--format <name>', 'default: raw; hex on a terminal and with --json').choices(
        Object.keys(formats),
      ),
    )
    .option('--prediction-resistance', 'reseed from live entropy first')
    .option('--exclude <characters>', 'characters that a password must not have')
    .option('--no-punctuation', 'a password of letters and digits only')
    .addOption(output())
    .action(random);

  const textfile = '/var/lib/prometheus/node-exporter/entropyd.prom';
  add(program, 'metrics', "Prints the daemon's metrics in Prometheus text format.", [
    ['entropyctl metrics', 'the page'],
    [`entropyctl metrics --textfile ${textfile}`, 'for node_exporter'],
  ])
    .option(
      '--textfile <path>',
      "write a file for node_exporter's textfile collector, replaced atomically",
    )
    .action(metrics);

  add(
    program,
    'selftest',
    'Tests all sources now; those that pass come back (administrators only). Exits 1 if one fails.',
    [
      ['entropyctl selftest', 'also the way out of the error state'],
      ['entropyctl selftest --json', 'with everything known about each source'],
    ],
  ).action(selftest);

  add(program, 'reseed', 'Reseeds the generator now (administrators only).', [
    ['entropyctl reseed', 'from noise that is read from now on'],
  ]).action(reseed);

  add(
    program,
    'noise',
    'Prints raw samples of a noise source, for assessment (administrators only).',
    [
      ['entropyctl noise rdseed 1M --output rdseed.bin', "for NIST's ea_non_iid"],
      ['entropyctl noise hwrng 1000000 --output h.bin', 'however slow the device is'],
      ['entropyctl noise getrandom 64 | xxd', 'a few samples in hex'],
    ],
  )
    .argument('<source>', 'its name, as in status')
    .addArgument(size('one-byte samples'))
    .addOption(output())
    .action((source, size, options) => noise(source, size, options));

  add(
    program,
    'assess',
    'Estimates the min-entropy of a noise source, or of a file of samples, by SP 800-90B.',
    [
      ['entropyctl assess jitter --report jitter-report', 'a report to file, with the samples'],
      ['entropyctl assess /dev/hwrng --restarts 100x100', 'a slow device'],
      ['entropyctl assess rdseed --restarts none', 'without the restart tests'],
      ['entropyctl assess --input a.bin', 'a file, one sample per byte'],
      [
        'entropyctl assess --input bits.bin --bits-per-symbol 1',
        'refuses other bytes than 0 and 1',
      ],
      ['entropyctl assess --input a.bin --json | jq .minEntropy', 'bits per sample'],
    ],
  )
    .argument(
      '[source]',
      'a built-in source, hwrng, or the path of a device; read without the daemon',
    )
    .addOption(
      new Option('--samples <n>', 'consecutive samples of the source (default: 1000000)').argParser(
        parseSamples,
      ),
    )
    .addOption(
      new Option(
        '--restarts <RxS>',
        'R new instances of S samples each, or none (default: 1000x1000)',
      ).argParser(parseRestarts),
    )
    .option('--report <folder>', 'write report.html, report.json and the samples; new or empty')
    .option('--input <file>', 'a regular file, one sample per byte, at most 128 Mbit in all')
    .option('--restart-input <file>', 'restart data, row by row, with --input')
    .addOption(
      new Option(
        '--bits-per-symbol <n>',
        'width of a sample, 1 to 8 (default: that of the largest)',
      ).argParser(parseBits),
    )
    .addOption(
      new Option(
        '--claim <bits>',
        "the designer's claim, bits per sample (default: a built-in source's credit)",
      ).argParser(parseClaim),
    )
    // Loaded on first use, as the addon is.
    .action(async (source, options) => (await import('./assess.js')).assess(source, options));

  add(program, 'wait', 'Waits until the daemon serves from healthy sources.', [
    ['entropyctl wait', 'until it is operational'],
    ['entropyctl wait --timeout 30 || exit 1', 'in a script, but not forever'],
    ['entropyctl wait --state degraded', 'as long as some tested source is left'],
  ])
    .addOption(
      new Option('--state <name>', 'this state or a better one (default: operational)').choices(
        awaitedStates,
      ),
    )
    .addOption(
      new Option('--timeout <seconds>', 'fail after this time (default: wait forever)').argParser(
        parseTimeout,
      ),
    )
    .action((options) => wait(options));

  add(program, 'version', 'Prints the versions of entropyctl and of the daemon.', [
    ['entropyctl version', 'do they match?'],
  ]).action(printVersions);

  return program;
}

/** Adds a command with the options that all commands have, and with examples below its help. */
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
    .option('--json', 'print the result, or the failure, as one JSON object')
    .addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

function size(what: string): Argument {
  return new Argument('<N>', `${what}; K, M and G are powers of 1024`).argParser(parseSize);
}

function output(): Option {
  return new Option('--output <file>', 'write to a file, replaced once it is complete');
}

/**
 * Reads a number of bytes: digits, then K, M or G for powers of 1024.
 * @throws UsageError
 */
export function parseSize(text: string): number {
  const [, digits, unit] = /^(\d{1,15})([KMG]?)$/.exec(text) ?? [];
  const size = Number(digits) * 1024 ** ['', 'K', 'M', 'G'].indexOf(unit ?? '');
  if (digits === undefined || size < 1 || !Number.isSafeInteger(size))
    throw new UsageError(`N: want 1 byte or more, such as 32, 4K, 1M or 2G: ${text}`);
  return size;
}

/**
 * Reads the bits of a sample, 1 to 8.
 * @throws UsageError
 */
export function parseBits(text: string): number {
  if (/^[1-8]$/.test(text)) return Number(text);
  throw new UsageError(`--bits-per-symbol: want 1 to 8: ${text}`);
}

/**
 * Reads bits of min-entropy per sample, above 0 and at most 8.
 * @throws UsageError
 */
export function parseClaim(text: string): number {
  const bits = /^\d(\.\d{1,6})?$/.test(text) ? Number(text) : 0;
  if (bits > 0 && bits <= 8) return bits;
  throw new UsageError(`--claim: want bits per sample, above 0 and at most 8: ${text}`);
}

/** As many as the addon takes. */
const maxSamples = 2 ** 27;

/** The estimators need so many. */
const minSamples = 6012;

/**
 * Reads a number of samples.
 * @throws UsageError
 */
export function parseSamples(text: string): number {
  const samples = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (samples >= minSamples && samples <= maxSamples) return samples;
  throw new UsageError(`--samples: want ${minSamples} to ${maxSamples}: ${text}`);
}

/**
 * Reads the shape of restart data, such as 1000x1000; `none` has 0 restarts.
 * @throws UsageError
 */
export function parseRestarts(text: string): { restarts: number; samples: number } {
  if (text === 'none') return { restarts: 0, samples: 0 };
  const [restarts = 0, samples = 0] = /^\d{1,5}x\d{1,5}$/.test(text)
    ? text.split('x').map(Number)
    : [];
  const isAllowed = [restarts, samples].every((each) => each >= 10 && each <= 10_000);
  if (isAllowed && restarts * samples >= minSamples && restarts * samples <= maxSamples)
    return { restarts, samples };
  throw new UsageError(
    `--restarts: want RxS, each 10 to 10000, ${minSamples} to ${maxSamples} samples in all: ${text}`,
  );
}

/** Seconds: short enough to see a burst, and to ask once. */
const minInterval = 0.1;
/** Seconds: long enough for anyone. */
const maxInterval = 3600;

/**
 * Reads a number of seconds, 0.1 to 3600.
 * @throws UsageError
 */
export function parseInterval(text: string): number {
  return parseSeconds('--interval', text, minInterval, maxInterval);
}

/** Seconds: as long as a machine may take to boot, and more. */
const maxTimeout = 86_400;

/**
 * Reads a number of seconds, 0.1 to 86,400.
 * @throws UsageError
 */
export function parseTimeout(text: string): number {
  return parseSeconds('--timeout', text, minInterval, maxTimeout);
}

function parseSeconds(option: string, text: string, min: number, max: number): number {
  const seconds = /^\d{1,5}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (seconds >= min && seconds <= max) return seconds;
  throw new UsageError(`${option}: want ${min} to ${max} seconds: ${text}`);
}
