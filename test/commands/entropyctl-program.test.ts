import type { Command } from 'commander';
import t from 'tap';
import { entropyctlProgram } from '../../src/commands/entropyctl-program.js';
import { formats } from '../../src/commands/random-formats.js';

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

t.test('every command is there', async (t) => {
  t.strictSame(names, [
    ...['health', 'status', 'random', 'metrics', 'selftest', 'reseed', 'noise', 'version'],
  ]);
});

t.test('every command takes --socket and --json', async (t) => {
  for (const command of program.commands)
    t.strictSame(
      ['--socket', '--json'].filter((long) => !command.options.some((each) => each.long === long)),
      [],
      command.name(),
    );
});

t.test('every command’s help has examples, of commands that it would take', async (t) => {
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

t.test('the program’s help tells the exit codes', async (t) => {
  t.match(helpOf(program), 'Exit codes: 0 success, 1 failure, 64 usage');
});

t.test('status is loaded when it is asked for', async (t) => {
  const socket = '/nonexistent/entropyd.sock';
  await t.rejects(
    entropyctlProgram().parseAsync(['node', 'entropyctl', 'status', '--socket', socket]),
    { code: 'ERR_CONNECT' },
  );
});
