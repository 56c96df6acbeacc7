/** The command lines of both programs as data, read from commander's help. */
import { entropyctlProgram } from '../dist/entropyctl/command-line.js';
import { entropydProgram } from '../dist/entropyd/command-line.js';

/** `-s, --long <value>`; each of the three parts may be missing. */
const flags = /^(?:-(?<short>\w))?(?:, )?(?:--(?<long>[\w-]+))?(?: [<[](?<value>[^>\]]+)[>\]])?$/;

/** The texts that `addHelpText` adds before and after the help. */
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
 * Describes a command and its subcommands.
 * @param path the words that call it
 */
export function describe(command, path = [command.name()]) {
  const help = command.createHelp();
  return {
    path,
    name: command.name(),
    description: help.commandDescription(command),
    more: around(command),
    // Not `visibleArguments`: it leaves out arguments without a description.
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
      const { mandatory, argChoices: choices = [] } = option;
      return { short, long, value, mandatory, choices, description };
    }),
    commands: help
      .visibleCommands(command)
      .map((inner) => describe(inner, [...path, inner.name()])),
  };
}

/** Both programs by name. */
export const programs = Object.fromEntries(
  [entropydProgram(), entropyctlProgram()].map((program) => [program.name(), describe(program)]),
);
