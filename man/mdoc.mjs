/** Writes commands as mdoc(7): synopses, option lists, sections of subcommands. */

/** Options and a command that every program has; a synopsis leaves them out. */
const commonOptions = ['help', 'version'];
const commonCommand = 'help';

/**
 * Escapes running text for a line of its own.
 * @param text any text; its lines are joined
 */
export function plain(text) {
  return (
    text
      .replace(/\s+/g, ' ')
      .replaceAll('\\', '\\e')
      // Options keep ASCII hyphens, so that they can be copied; an apostrophe stays straight.
      .replace(/(?<![\w-])-[\w-]*/g, (option) => option.replaceAll('-', '\\-'))
      .replaceAll("'", '\\(aq')
      .replace(/^\./, '\\&.')
  );
}

/** The same, capitalized and with a full stop. */
export function sentence(text) {
  const whole = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return plain(/[.!?]$/.test(whole) ? whole : `${whole}.`);
}

/** Text that keeps its lines and spaces. */
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

/** The synopsis of a program and of its commands. */
export function synopsis(command) {
  const options = command.options.filter(({ long }) => !commonOptions.includes(long));
  const own = [
    `.Nm ${command.path[0]}`,
    ...command.path.slice(1).map((name) => `.Cm ${name}`),
    ...options.map((option) => `.${option.mandatory ? '' : 'Op '}${flag(option)}`),
    ...command.arguments.map(operand),
  ];
  const inner = command.commands.filter(({ name }) => name !== commonCommand);
  // A program that has only commands cannot run without one.
  const alone = options.length > 0 || inner.length === 0;
  return [...(alone ? own : []), ...inner.flatMap(synopsis)];
}

/** Operands, options and further help of a command. */
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

/** A subsection for each command of a program. */
export function commands(command) {
  return command.commands.flatMap((inner) => [
    `.Ss ${[inner.name, ...inner.arguments.map(({ name }) => name)].join(' ')}`,
    sentence(inner.description),
    ...options(inner),
    ...commands(inner),
  ]);
}
