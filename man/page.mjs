/**
 * A page of its template: mdoc(7) with directives in comment lines, which the command lines and the
 * schemas fill in.
 *   .\" @version                       the package's version, for the footer
 *   .\" @synopsis PROGRAM              how it is called, with all its commands
 *   .\" @options PROGRAM [COMMAND]     operands and options
 *   .\" @commands PROGRAM              a section for each command
 *   .\" @key FILE KEY...               head of an entry for a key, or for several of one meaning; the
 *                                      template goes on with what it means
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

/** Head of the entry for keys that take the same. */
function keyHead(file, names) {
  const known = names.map((name) => {
    const found = keys[file]?.get(name);
    if (found === undefined) throw new Error(`the ${file} file has no key ${name}`);
    return found;
  });
  const [{ wanted, standard }] = known;
  if (known.some((other) => other.wanted !== wanted || other.standard !== standard))
    throw new Error(`${names.join(', ')}: not alike, want entries of their own`);
  const last = [...new Set(names.map((name) => name.split('.').at(-1)))];
  if (last.length !== 1) throw new Error(`${names.join(', ')}: want keys of one name`);
  return [
    `.It Ic ${last[0]}`,
    sentence(wanted),
    ...(standard === undefined ? [] : [`The default is ${plain(standard)}.`]),
  ];
}

/** Files whose keys a page explains, each with those that it has explained. */
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

  /** @throws where a file that has been begun lacks one */
  finish() {
    for (const [file, done] of this.#files)
      for (const name of keys[file].keys())
        if (!done.has(name)) throw new Error(`the key ${name} of the ${file} file is missing`);
  }
}

/**
 * Fills a template in.
 * @param programs descriptions by name
 * @throws Error where a directive names what is not there, or a key of a file is left out
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
