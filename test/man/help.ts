/** The names in `--help` of the built programs, which man pages and completions must match. */
import { execFileSync } from 'node:child_process';
import { built } from '../support/program.js';

/** A command as its help shows it. */
export interface Shown {
  /** After the program's name. */
  path: string[];
  /** As `-h, --help` and `--socket path`. */
  options: string[];
  commands: string[];
}

const option = /^ {2}((?:-\w, )?--[\w-]+(?: <\w+>)?)(?: {2}|$)/gm;
const command = /^ {2}([a-z]\w*)\b/gm;

const first = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([, name]) => (name as string).replace(/[<>]/g, ''));

function show(program: string, path: string[]): Shown {
  const text = execFileSync(process.execPath, [built(program), ...path, '--help'], {
    encoding: 'utf8',
  });
  const [, commands = ''] = text.split('\nCommands:\n');
  return { path, options: first(text, option), commands: first(commands, command) };
}

/** The help of a program and of its commands, except the command `help`, which has none. */
export function helpOf(program: string): Shown[] {
  const own = show(program, []);
  const commands = own.commands.filter((name) => name !== 'help');
  return [own, ...commands.map((name) => show(program, [name]))];
}
