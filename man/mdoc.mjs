/** Commands as mdoc(7): synopses, lists of options, sections of subcommands. */

/** The options and the command that are everywhere; a synopsis leaves them out. */
const commonOptions = ['help', 'version'];
const commonCommand = 'help';

/**
 * Running text for a line of its own.
 * @param text any; lines are joined
 */
export function plain(text) {
  return (
    text
      .replace(/\s+/g, ' ')
      .replaceAll('\\', '\\e')
      // An option's hyphens are to be copied; an apostrophe stays one.
      .replace(/(?<![\w-])-[\w-]*/g, (option) => option.replaceAll('-', '\\-'))
      .replaceAll("'", '\\(aq')
      .replace(/^\./, '\\&.')
  );
}

/** The same as a sentence. */
export function sentence(text) {
  const whole = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return plain(/[.!?]$/.test(whole) ? whole : `${whole}.`);
}

/** Text whose lines and spaces stay. */
function literal(text) {
  const lines = text
    .split('\n')
    .map((line) =>
      line
        .replaceAll('\\', '\\e')
        .replaceAll('-', '\\-')
        .replaceAll("'", '\\(aq')
        .replace(/^\./, '\\&.'),
    );
  return ['.Bd -literal', ...lines, '.Ed'];
}

function flag({ short, long, value }) {
  const names = [short, long && `-${long}`].filter(Boolean).map((name) => `Fl ${name}`);
  return `${names.join(' , ')}${value === undefined ? '' : ` Ar ${value}`}`;
}

function operand({ name, required, variadic }) {
  return `.${required ? '' : 'Op '}Ar ${name}${variadic ? ' ...' : ''}`;
}

/** Of a program: its own, and that of each of its commands. */
export function synopsis(command) {
  const options = command.options.filter(({ long }) => !commonOptions.includes(long));
  const own = [
    `.Nm ${command.path[0]}`,
    ...command.path.slice(1).map((name) => `.Cm ${name}`),
    ...options.map((option) => `.Op ${flag(option)}`),
    ...command.arguments.map(operand),
  ];
  const inner = command.commands.filter(({ name }) => name !== commonCommand);
  // A program that has commands and nothing else does nothing by itself.
  const alone = options.length > 0 || inner.length === 0;
  return [...(alone ? own : []), ...inner.flatMap(synopsis)];
}

/** Its operands and options, and what its help says besides. */
export function options(command) {
  const items = [
    ...command.arguments.map((argument) => [`Ar ${argument.name}`, argument.description]),
    ...command.options.map((option) => [flag(option), option.description]),
  ];
  return [
    '.Bl -tag -width Ds',
    ...items.flatMap(([term, description]) => [
      `.It ${term}`,
      ...(description === '' ? [] : [plain(description)]),
    ]),
    '.El',
    ...command.more.flatMap(literal),
  ];
}

/** A section for each command of a program. */
export function commands(command) {
  return command.commands.flatMap((inner) => [
    `.Ss ${[inner.name, ...inner.arguments.map(({ name }) => name)].join(' ')}`,
    sentence(inner.description),
    ...options(inner),
    ...commands(inner),
  ]);
}
