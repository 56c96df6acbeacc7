/**
 * Fills in the templates of manual pages: mdoc(7) with directives in comment lines, replaced from the command
 * lines and the schemas.
 *   .\" @version                       the package's version, for the footer
 *   .\" @synopsis PROGRAM              synopsis of the program and its commands
 *   .\" @options PROGRAM [COMMAND]     operands and options
 *   .\" @commands PROGRAM              a subsection for each command
 *   .\" @key FILE KEY...               head of the entry for a key, or for keys with one meaning, which
 *                                      the template explains in the next lines
 */
import { readFileSync } from 'node:fs';
import { programs as ownPrograms } from './commands.mjs';
import { keys } from './keys.mjs';
import { commands, options, plain, sentence, synopsis } from './mdoc.mjs';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

function commandAt(programs, [name, ...path]) {
  const found = path.reduce(
    (command, inner) => command?.commands.find((each) => each.name === inner),
    programs[name],
  );
  if (found === undefined) throw new Error(`no command ${[name, ...path].join(' ')}`);
  return found;
}

/** The head of the entry for keys with the same name, values and default. */
function keyHead(file, names) {
  const known = names.map((name) => {
    const found = keys[file]?.get(name);
    if (found === undefined) throw new Error(`the ${file} file has no key ${name}`);
    return found;
  });
  const [{ wanted, standard }] = known;
  if (known.some((other) => other.wanted !== wanted || other.standard !== standard))
    throw new Error(`${names.join(', ')}: differ, want one entry each`);
  const last = [...new Set(names.map((name) => name.split('.').at(-1)))];
  if (last.length !== 1) throw new Error(`${names.join(', ')}: want keys with one name`);
  return [
    `.It Ic ${last[0]}`,
    sentence(wanted),
    ...(standard === undefined ? [] : [`The default is ${plain(standard)}.`]),
  ];
}

/** Tracks which keys a page explains. */
class Explained {
  #files = new Map();

  add(file, names) {
    const done = this.#files.get(file) ?? new Set();
    this.#files.set(file, done);
    for (const name of names) {
      if (done.has(name)) throw new Error(`the key ${name} is explained twice`);
      done.add(name);
    }
  }

  /** @throws Error if a page explains some keys of a file, but not all */
  finish() {
    for (const [file, done] of this.#files)
      for (const name of keys[file].keys())
        if (!done.has(name)) throw new Error(`the key ${name} of the ${file} file is missing`);
  }
}

/**
 * Fills in a template.
 * @param programs descriptions by name
 * @throws Error if a directive names something that does not exist, or a key is not explained
 */
export function page(template, programs = ownPrograms) {
  const explained = new Explained();
  const directives = {
    version: () => [`.Os entropyd ${version}`],
    synopsis: (name) => synopsis(commandAt(programs, [name])),
    options: (...path) => options(commandAt(programs, path)),
    commands: (name) => commands(commandAt(programs, [name])),
    key: (file, ...names) => {
      const head = keyHead(file, names);
      explained.add(file, names);
      return head;
    },
  };
  const lines = template.split('\n').flatMap((line) => {
    const [, name, rest] = /^\.\\" @(\w+) ?(.*)$/.exec(line) ?? [];
    if (name === undefined) return line;
    if (!Object.hasOwn(directives, name)) throw new Error(`no directive ${name}`);
    return directives[name](...rest.split(' ').filter((word) => word !== ''));
  });
  explained.finish();
  return lines.join('\n');
}
