import type { Command } from 'commander';
import fc from 'fast-check';
import t from 'tap';
import { UsageError } from '../../src/common/program.js';
import {
  entropyctlProgram,
  parseBits,
  parseClaim,
  parseInterval,
  parseRestarts,
  parseSamples,
  parseSize,
} from '../../src/entropyctl/command-line.js';
import { formats } from '../../src/entropyctl/formats.js';

const program = entropyctlProgram();
const names = program.commands.map((command) => command.name());

/** What --help prints. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut(part) {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}

t.test('these are the commands', async (t) => {
  t.strictSame(names, [
    ...['health', 'status', 'random', 'metrics', 'selftest', 'reseed', 'noise', 'assess', 'wait'],
    'version',
  ]);
});

t.test('every command takes --json and --socket', async (t) => {
  for (const command of program.commands)
    t.strictSame(
      ['--socket', '--json'].filter((long) => !command.options.some((each) => each.long === long)),
      [],
      command.name(),
    );
});

t.test('every command’s help has examples, which parse', async (t) => {
  for (const command of program.commands) {
    const help = helpOf(command);
    const [, examples = ''] = help.split('\nExamples:\n');
    const given = [...examples.matchAll(/^ {2}entropyctl ([^#|]+?) +(?:\||#)/gm)].map(([, text]) =>
      (text as string).split(' '),
    );
    t.ok(given.length > 0, command.name());
    for (const args of given) {
      const parsing = entropyctlProgram();
      let ran = false;
      for (const each of parsing.commands)
        each.action(() => {
          ran = true;
        });
      await parsing.parseAsync(['node', 'entropyctl', ...args]);
      t.ok(ran && args[0] === command.name(), args.join(' '));
    }
    for (const line of help.split('\n')) t.ok(line.length <= 100, line);
  }
});

t.test('the formats are declared as choices', async (t) => {
  const format = program.commands
    .find((command) => command.name() === 'random')
    ?.options.find(({ long }) => long === '--format');
  t.strictSame(format?.argChoices, Object.keys(formats));
});

t.test('the program’s help lists the exit codes', async (t) => {
  t.match(helpOf(program), 'Exit codes: 0 success, 1 failure, 64 usage');
});

t.test('status is loaded on first use', async (t) => {
  const socket = '/nonexistent/entropyd.sock';
  await t.rejects(
    entropyctlProgram().parseAsync(['node', 'entropyctl', 'status', '--socket', socket]),
    { code: 'ERR_CONNECT' },
  );
});

t.test('assess is loaded on first use, and needs no daemon', async (t) => {
  await t.rejects(
    entropyctlProgram().parseAsync(['node', 'entropyctl', 'assess', '--input', '/nonexistent/x']),
    { code: 'ENOENT', message: /^cannot read \/nonexistent\/x/ },
  );
});

t.test('the width of a sample is 1 to 8', async (t) => {
  for (let bits = 1; bits <= 8; bits++) t.equal(parseBits(String(bits)), bits);
  for (const text of ['', '0', '9', '08', '1.5', '-1', ' 1', '1\n', 'x', '١'])
    t.throws(
      () => parseBits(text),
      new UsageError(`--bits-per-symbol: want 1 to 8: ${text}`),
      text,
    );
});

const mebibyte = 1024 * 1024;

t.test('a size is digits and K, M or G', async (t) => {
  for (const [text, size] of [
    ['1', 1],
    ['032', 32],
    ['4K', 4096],
    ['1M', mebibyte],
    ['2G', 2 * 1024 * mebibyte],
    ['999999999999999', 999_999_999_999_999],
    ['8388607G', 8_388_607 * 1024 * mebibyte],
  ] as const)
    t.equal(parseSize(text), size, text);
});

t.test('any other size is a usage error that says what is wanted', async (t) => {
  for (const text of [
    '',
    '0',
    '00',
    '0K',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    ' 1',
    '1 ',
    '1k',
    '1KB',
    '1T',
    'K',
    '١',
    '1000000000000000',
    '8388608G',
    '999999999999999G',
    'Infinity',
    'NaN',
    '1\n',
  ])
    t.throws(
      () => parseSize(text),
      new UsageError(`N: want 1 byte or more, such as 32, 4K, 1M or 2G: ${text}`),
      JSON.stringify(text),
    );
});

t.test('any text is a safe integer from 1 on, or a usage error', async (t) => {
  let sizes = 0;
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.tuple(fc.nat(), fc.constantFrom('', 'K', 'M', 'G', 'T')).map((parts) => parts.join('')),
        fc.stringMatching(/^\d{1,18}[KMG]?$/),
      ),
      (text) => {
        try {
          const size = parseSize(text);
          sizes++;
          return Number.isSafeInteger(size) && size >= 1;
        } catch (error) {
          return error instanceof UsageError;
        }
      },
    ),
    { numRuns: 2000 },
  );
  t.ok(sizes > 100, `${sizes} sizes`);
});

t.test('an interval is 0.1 to 3600 seconds', async (t) => {
  for (const [text, seconds] of [
    ['0.1', 0.1],
    ['2', 2],
    ['1.25', 1.25],
    ['3600', 3600],
  ] as const)
    t.equal(parseInterval(text), seconds, text);
  for (const text of [
    '',
    '0',
    '0.09',
    '3600.1',
    '9999',
    '-1',
    '1e3',
    ' 1',
    '1s',
    'NaN',
    '.5',
    '1.',
  ])
    t.throws(
      () => parseInterval(text),
      new UsageError(`--interval: want 0.1 to 3600 seconds: ${text}`),
      JSON.stringify(text),
    );
});

t.test('samples and restarts are as many as can be assessed', async (t) => {
  t.equal(parseSamples('6012'), 6012);
  t.equal(parseSamples('134217728'), 2 ** 27);
  for (const text of ['', '0', '6011', '134217729', '1e6', '1M', '-7000', '1000000000'])
    t.throws(
      () => parseSamples(text),
      new UsageError(`--samples: want 6012 to 134217728: ${text}`),
      text,
    );
  t.strictSame(parseRestarts('1000x1000'), { restarts: 1000, samples: 1000 });
  t.strictSame(parseRestarts('10x602'), { restarts: 10, samples: 602 });
  t.strictSame(parseRestarts('none'), { restarts: 0, samples: 0 });
  for (const text of [
    '',
    '1000',
    '9x1000',
    '10x601',
    '1000X1000',
    '1000x',
    '10001x10',
    'x',
    '-10x700',
  ])
    t.throws(
      () => parseRestarts(text),
      { name: 'Error', message: /^--restarts: want RxS, / },
      text,
    );
});

t.test('a claim is above 0 and at most 8 bits', async (t) => {
  for (const [text, bits] of [
    ['8', 8],
    ['0.5', 0.5],
    ['3.25', 3.25],
  ] as const)
    t.equal(parseClaim(text), bits);
  for (const text of ['', '0', '0.0', '8.1', '9', '-1', '.5', '1e0', '10', 'x'])
    t.throws(
      () => parseClaim(text),
      new UsageError(`--claim: want bits per sample, above 0 and at most 8: ${text}`),
      text,
    );
});
