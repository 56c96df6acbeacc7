/** TOML files, checked as a whole against a schema; faults are reported with their line. */
import { closest } from 'fastest-levenshtein';
import {
  type AST,
  getStaticTOMLValue,
  ParseError,
  parseTOML,
  traverseNodes,
} from 'toml-eslint-parser';
import * as v from 'valibot';
import { EntropyError } from '../common/errors.js';

/** An integer within a range, both ends included. */
export const integer = (minimum: number, maximum: number) =>
  v.pipe(
    v.number(`want an integer of ${minimum} to ${maximum}`),
    v.integer(`want an integer of ${minimum} to ${maximum}`),
    v.minValue(minimum, `want ${minimum} to ${maximum}`),
    v.maxValue(maximum, `want ${minimum} to ${maximum}`),
  );

/** A string that is not empty. */
export const text = v.pipe(
  v.string('want a string'),
  v.nonEmpty('want a string that is not empty'),
);

/** One of a few words. */
export const oneOf = <const T extends readonly string[]>(...names: T) =>
  v.picklist(names, `want ${names.map((name) => `"${name}"`).join(' or ')}`);

export const flag = v.boolean('want true or false');

/** A place in a file: keys of tables, and indices of arrays. */
export type Path = readonly (string | number)[];

/** A fault in a file. */
export interface Fault {
  readonly path: Path;
  /** What is wanted there, or what is wrong. */
  readonly wanted: string;
}

type Schema = v.GenericSchema;

/**
 * Parses and checks the text of a file.
 * @param schema what the file may contain. Its messages MUST NOT repeat a value, which may be a
 *   secret
 * @param source TOML 1.0; times need an offset
 * @param file its name, for messages
 * @param check finds a fault that a schema cannot express
 * @returns the checked content
 * @throws EntropyError `ERR_CONFIG` with file, line, key and what is wanted there; a file with a
 *   fault is refused as a whole
 */
export function parseTomlFile<S extends Schema>(
  schema: S,
  source: string,
  file: string,
  check: (value: v.InferOutput<S>) => Fault | undefined = () => undefined,
): v.InferOutput<S> {
  const program = parse(source, file);
  const checked = v.safeParse(schema, getStaticTOMLValue(program), { abortEarly: true });
  const found = checked.success ? check(checked.output) : faultOf(schema, checked.issues);
  if (checked.success && found === undefined) return checked.output;
  const { path, wanted } = found as Fault;
  const name = path.join('.').replace(/\.(\d+)/g, '[$1]');
  throw fault(file, lineOf(program, path).line, `${name}: ${wanted}`);
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value;
}

/**
 * The line of a key.
 * @param source TOML that {@link parseTomlFile} has accepted
 * @returns undefined if it is not there
 */
export function lineOfKey(source: string, path: Path): number | undefined {
  const { line, depth } = lineOf(parseTOML(source, { tomlVersion: '1.0' }), path);
  return depth === path.length ? line : undefined;
}

/** The line of a key, or else of the innermost table around it, whose path has `depth` parts. */
function lineOf(program: AST.TOMLProgram, path: Path): { line: number; depth: number } {
  let line = 1;
  let depth = -1;
  const observe = (key: Path, at: number) => {
    if (key.length > depth && key.every((part, i) => part === path[i])) {
      depth = key.length;
      line = at;
    }
  };
  const observeAll = (nodes: readonly AST.TOMLKeyValue[], table: Path) => {
    for (const { key, loc } of nodes) observe([...table, ...key.keys.map(nameOf)], loc.start.line);
  };
  for (const node of program.body[0].body) {
    if (node.type === 'TOMLKeyValue') observeAll([node], []);
    else {
      observe(node.resolvedKey, node.loc.start.line);
      observeAll(node.body, node.resolvedKey);
    }
  }
  return { line, depth };
}

/** The keys that are known at the place of an unknown one. */
function knownKeys(schema: Schema, path: Path): string[] {
  let node: unknown = schema;
  for (const part of path.slice(0, -1)) {
    const inner = unwrap(node);
    node = typeof part === 'number' ? inner.item : inner.entries?.[part];
  }
  return Object.keys(unwrap(node).entries ?? {});
}

interface Node {
  entries?: Record<string, unknown>;
  item?: unknown;
  wrapped?: unknown;
  pipe?: readonly unknown[];
}

/** The object or array schema within optional() and pipe(). */
function unwrap(node: unknown): Node {
  const { wrapped, pipe } = node as Node;
  if (wrapped !== undefined) return unwrap(wrapped);
  if (pipe !== undefined && pipe[0] !== node) return unwrap(pipe[0]);
  return node as Node;
}

function fault(file: string, line: number, text: string): EntropyError {
  return new EntropyError('ERR_CONFIG', `${file}:${line}: ${text}`);
}

function parse(source: string, file: string): AST.TOMLProgram {
  let program: AST.TOMLProgram;
  try {
    program = parseTOML(source, { tomlVersion: '1.0' });
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw fault(file, error.lineNumber, error.message);
  }
  traverseNodes(program, {
    enterNode(node) {
      const { line } = node.loc.start;
      // The parser would write to the prototype of all objects in this process.
      if ((node.type === 'TOMLBare' || node.type === 'TOMLQuoted') && nameOf(node) === '__proto__')
        throw fault(file, line, '__proto__: unknown key');
      // The parser would read such a time as UTC, whatever its author meant.
      if (node.type === 'TOMLValue' && node.kind.startsWith('local-'))
        throw fault(file, line, 'want a time with its offset: 2027-01-01T00:00:00Z');
    },
    leaveNode() {},
  });
  return program;
}

/** The first fault that the schema finds. It repeats no value, which may be a secret. */
function faultOf(schema: Schema, [issue]: readonly [v.BaseIssue<unknown>, ...unknown[]]): Fault {
  const path = (issue.path ?? []).map(({ key }) => key as string | number);
  let wanted = issue.message;
  if (issue.type === 'strict_object' && issue.expected === 'never')
    wanted = `unknown key; the nearest is "${closest(String(path.at(-1)), knownKeys(schema, path))}"`;
  else if (issue.type === 'strict_object') wanted = 'want a table';
  else if (issue.type === 'array') wanted = 'want an array';
  if (issue.received === 'undefined') wanted = 'is missing';
  return { path, wanted };
}
