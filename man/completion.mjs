/** Writes the completions of a program for bash, zsh and fish from its description. */

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
export function bash(program) {
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

/** A text between single quotes, in both other shells. */
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/** What zsh's _arguments offers as the value of an option or as an operand. */
function zshValues({ choices = [], value, name }) {
  if (choices.length > 0) return `(${choices.join(' ')})`;
  return fileNames.includes(value ?? name) ? '_files' : ' ';
}

/** The arguments of zsh's _arguments for a command's options. */
function zshOptions(command) {
  const escaped = (text) => text.replace(/[\\[\]:]/g, '\\$&');
  return command.options.map((option) => {
    const names = spellings(option);
    const text = `[${escaped(option.description)}]`;
    const value = option.value === undefined ? '' : `:${option.value}:${zshValues(option)}`;
    return names.length === 1
      ? quoted(`${names[0]}${text}${value}`)
      : `'(${names.join(' ')})'{${names.join(',')}}${quoted(`${text}${value}`)}`;
  });
}

/** @returns a function for zsh, in a file of its name with an underscore on the fpath */
export function zsh(program) {
  const operandsOf = (command) =>
    command.arguments.map((argument, i) =>
      quoted(
        `${i + 1}:${argument.name}:${
          argument.name === 'command'
            ? `(${program.commands.map(({ name }) => name).join(' ')})`
            : zshValues(argument)
        }`,
      ),
    );
  const call = (parts) => `_arguments ${parts.join(' \\\n        ')}`;
  return `#compdef ${program.name}
# Completion of ${program.name} for zsh. Generated from its command line; do not edit.
_${program.name}() {
  local curcontext="$curcontext" state line
  local -a commands
  _arguments -C ${zshOptions(program).join(' \\\n    ')} \\
    '1:command:->command' '*::argument:->argument'
  case $state in
    command)
      commands=(
${program.commands.map(({ name, description }) => `        ${quoted(`${name}:${description}`)}`).join('\n')}
      )
      _describe command commands
      ;;
    argument)
      case $line[1] in
${program.commands
  .map(
    (command) =>
      `      ${command.name}) ${call([...zshOptions(command), ...operandsOf(command)])} ;;`,
  )
  .join('\n')}
      esac
      ;;
  esac
}
_${program.name} "$@"
`;
}

/** @returns a script for fish 3, as it loads it */
export function fish(program) {
  const names = program.commands.map(({ name }) => name).join(' ');
  const within = ({ path }) =>
    path.length === 1
      ? `not __fish_seen_subcommand_from ${names}`
      : `__fish_seen_subcommand_from ${path.at(-1)}`;
  const line = (command, ...parts) =>
    ['complete', '-c', program.name, '-n', quoted(within(command)), ...parts].join(' ');
  const value = ({ value, choices }) => {
    if (value === undefined) return [];
    if (choices.length > 0) return ['-x', '-a', quoted(choices.join(' '))];
    return fileNames.includes(value) ? ['-r', '-F'] : ['-x'];
  };
  const lines = all(program).flatMap((command) => [
    ...command.options.map((option) =>
      line(
        command,
        ...(option.short === undefined ? [] : ['-s', option.short]),
        ...(option.long === undefined ? [] : ['-l', option.long]),
        ...value(option),
        '-d',
        quoted(option.description),
      ),
    ),
    ...command.commands.map(({ name, description }) =>
      line(command, '-a', name, '-d', quoted(description)),
    ),
    ...command.arguments
      .map(({ name, choices }) => (name === 'command' ? names : choices.join(' ')))
      .filter((words) => words !== '')
      .map((words) => line(command, '-a', quoted(words))),
    ...(command.arguments.some(({ name }) => fileNames.includes(name))
      ? [line(command, '-F')]
      : []),
  ]);
  return `# Completion of ${program.name} for fish. Generated from its command line; do not edit.
complete -c ${program.name} -f
${lines.join('\n')}
`;
}
