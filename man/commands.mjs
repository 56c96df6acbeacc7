/** The command lines of both programs as data: whatever their `--help` shows, by commander's own help. */
import { entropyctlProgram } from '../dist/entropyctl/command-line.js';
import { entropydProgram } from '../dist/entropyd/command-line.js';

/** `-s, --long <value>`, any of the three missing. */
const flags = /^(?:-(?<short>\w))?(?:, )?(?:--(?<long>[\w-]+))?(?: [<[](?<value>[^>\]]+)[>\]])?$/;

/** What `addHelpText` adds before and after the rest. */
function around(command) {
  let printed = '';
  command.configureOutput({
    writeOut: (text) => {
      printed += text;
    },
  });
  command.outputHelp();
  const [before = '', after = ''] = printed.split(command.helpInformation());
  return [before, after].map((text) => text.trim()).filter((text) => text !== '');
}

/**
 * One command with all that is below it.
 * @param path its words on the command line
 */
export function describe(command, path = [command.name()]) {
  const help = command.createHelp();
  return {
    path,
    name: command.name(),
    description: help.commandDescription(command),
    more: around(command),
    // Help leaves out those of which nothing is said.
    arguments: command.registeredArguments.map((argument) => ({
      name: argument.name(),
      required: argument.required,
      variadic: argument.variadic,
      choices: argument.argChoices ?? [],
      description: help.argumentDescription(argument),
    })),
    options: help.visibleOptions(command).map((option) => {
      const found = flags.exec(option.flags);
      if (found === null) throw new Error(`${path.join(' ')}: cannot read ${option.flags}`);
      const { short, long, value } = found.groups;
      const description = help.optionDescription(option);
      return { short, long, value, choices: option.argChoices ?? [], description };
    }),
    commands: help
      .visibleCommands(command)
      .map((inner) => describe(inner, [...path, inner.name()])),
  };
}

/** Both programs, by name. */
export const programs = Object.fromEntries(
  [entropydProgram(), entropyctlProgram()].map((program) => [program.name(), describe(program)]),
);
