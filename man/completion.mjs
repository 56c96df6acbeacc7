/** Writes the bash completion of a program from its description. */

/** Placeholders of options and operands that stand for a file. */
const fileNames = ['file', 'path', 'folder'];

const words = (names) => names.map((name) => `'${name}'`).join(' ');
const spellings = ({ short, long }) => [
  ...(short === undefined ? [] : [`-${short}`]),
  ...(long === undefined ? [] : [`--${long}`]),
];

/** A command and all its subcommands, outermost first. */
function all(command) {
  return [command, ...command.commands.flatMap(all)];
}

/** `case` lines with the words that may follow an option with a value. */
function values(command) {
  return command.options
    .filter(({ value }) => value !== undefined)
    .map((option) => {
      const pattern = spellings(option)
        .map((name) => `'${command.path.join(' ')} ${name}'`)
        .join(' | ');
      if (option.choices.length > 0) return `    ${pattern}) words=(${words(option.choices)}) ;;`;
      return `    ${pattern}) files=${fileNames.includes(option.value) ? 'yes' : 'no'} ;;`;
    });
}

/** `case` lines with the options, if the word begins like one, or else the commands and operands. */
function operands(command, programCommands) {
  const names = command.options.flatMap(spellings);
  const inner = command.commands.map(({ name }) => name);
  const choices = command.arguments.flatMap((argument) =>
    // The operand of `help` is a command.
    argument.name === 'command' ? programCommands : argument.choices,
  );
  const files = command.arguments.some(({ name }) => fileNames.includes(name)) ? 'files=yes' : ':';
  return [
    `      '${command.path.join(' ')} -') words=(${words(names)}) ;;`,
    `      '${command.path.join(' ')} ') words=(${words([...inner, ...choices])}); ${files} ;;`,
  ];
}

/** @returns a script for bash 4 and later, as bash-completion loads it */
export function completion(program) {
  const everything = all(program);
  const names = program.commands.map(({ name }) => name);
  const taking = everything.flatMap((command) =>
    command.options
      .filter(({ value }) => value !== undefined)
      .flatMap(spellings)
      .map((name) => `'${command.path.join(' ')} ${name}'`),
  );
  const inner = everything.slice(1).map(({ path }) => `'${path.join(' ')}'`);
  return `# Completion of ${program.name} for bash. Generated from its command line; do not edit.
_${program.name}() {
  local command='${program.name}' word i files=no words=()
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  # bash splits --option=value into three words.
  if [[ $current == '=' ]]; then
    current=
  elif [[ $previous == '=' ]]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$command $word" in
      ${inner.join(' | ')}) command+=" $word" ;;
      ${taking.join(' | ')})
        [[ \${COMP_WORDS[i + 1]} == '=' ]] && i=$((i + 1))
        i=$((i + 1))
        ;;
    esac
  done
  case "$command $previous" in
${everything.flatMap(values).join('\n')}
    *)
      local kind=
      [[ $current == -* ]] && kind=-
      case "$command $kind" in
${everything.flatMap((command) => operands(command, names)).join('\n')}
      esac
      ;;
  esac
  if [[ $files == yes ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -W "\${words[*]}" -- "$current")
  fi
}
complete -F _${program.name} ${program.name}
`;
}
