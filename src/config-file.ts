/** The configuration file: TOML, checked whole; a fault is told with its line and the nearest name. */
import { closest } from 'fastest-levenshtein';
import { type AST, getStaticTOMLValue, ParseError, parseTOML } from 'toml-eslint-parser';
import * as v from 'valibot';
import { EntropyError } from './errors.js';

const uint32 = 2 ** 32 - 1;

/** What one write sends at most, and so the least that a user must be able to have unsent. */
const chunkBytes = 131_072;

const integer = (minimum: number, maximum: number) =>
  v.pipe(
    v.number(`want an integer of ${minimum} to ${maximum}`),
    v.integer(`want an integer of ${minimum} to ${maximum}`),
    v.minValue(minimum, `want ${minimum} to ${maximum}`),
    v.maxValue(maximum, `want ${minimum} to ${maximum}`),
  );
const text = v.pipe(v.string('want a string'), v.nonEmpty('want a string that is not empty'));
const octalMode = v.pipe(
  v.string('want an octal mode such as "0666"'),
  v.regex(/^0?[0-7]{3}$/, 'want an octal mode such as "0666"'),
  v.transform((mode) => Number.parseInt(mode, 8)),
);
const oneOf = <const T extends readonly string[]>(...names: T) =>
  v.picklist(names, `want ${names.map((name) => `"${name}"`).join(' or ')}`);

/** Everything that a file may say, under the file's own names. Ranges are those of the design. */
const schema = v.strictObject({
  profile: v.optional(oneOf('default', 'strict')),
  listen: v.optional(
    v.pipe(
      v.array(
        v.strictObject({
          path: text,
          mode: v.optional(octalMode),
          admin: v.optional(v.boolean('want true or false')),
        }),
      ),
      v.minLength(1, 'want at least one [[listen]]'),
    ),
  ),
  access: v.optional(v.strictObject({ admin_group: v.optional(text) })),
  limits: v.optional(
    v.strictObject({
      message_bytes: v.optional(integer(64, 1_048_576)),
      connections: v.optional(integer(1, 1_000_000)),
      connections_per_user: v.optional(integer(1, 1_000_000)),
      bytes_per_second_per_user: v.optional(integer(0, uint32)),
      unsent_bytes: v.optional(integer(chunkBytes, uint32)),
      unsent_bytes_per_user: v.optional(integer(chunkBytes, uint32)),
      fresh_requests_per_user: v.optional(integer(1, 65_536)),
      message_seconds: v.optional(integer(1, 3_600)),
      stall_seconds: v.optional(integer(1, 3_600)),
    }),
  ),
  generator: v.optional(
    v.strictObject({
      reseed_requests: v.optional(integer(1, uint32)),
      reseed_seconds: v.optional(integer(1, uint32)),
    }),
  ),
  source: v.optional(
    v.array(
      v.strictObject({
        name: v.pipe(text, v.regex(/^[a-z0-9_-]{1,32}$/, 'want 1 to 32 of a-z, 0-9, _ and -')),
        path: text,
        credited_bits_per_byte: v.optional(integer(0, 8)),
      }),
    ),
  ),
  gateway: v.optional(
    v.strictObject({
      listen: v.optional(v.pipe(v.array(text), v.minLength(1, 'want at least one address'))),
      dialect: v.optional(oneOf('otc', 'hwc')),
    }),
  ),
});

/** What a file says, checked; names as in the file. */
export type FileConfig = v.InferOutput<typeof schema>;

type Path = readonly (string | number)[];

/** The line on which a key, or else the innermost table around it, stands. */
function lineOf(program: AST.TOMLProgram, path: Path): number {
  let line = 1;
  let depth = -1;
  const note = (key: Path, at: number) => {
    if (key.length > depth && key.every((part, i) => part === path[i])) {
      depth = key.length;
      line = at;
    }
  };
  const noteAll = (nodes: readonly AST.TOMLKeyValue[], table: Path) => {
    for (const { key, loc } of nodes)
      note(
        [...table, ...key.keys.map((k) => (k.type === 'TOMLBare' ? k.name : k.value))],
        loc.start.line,
      );
  };
  for (const node of program.body[0].body) {
    if (node.type === 'TOMLKeyValue') noteAll([node], []);
    else {
      note(node.resolvedKey, node.loc.start.line);
      noteAll(node.body, node.resolvedKey);
    }
  }
  return line;
}

/** The keys that may stand where an unknown one was found. */
function knownKeys(path: Path): string[] {
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

/** The object or array schema inside optional() and pipe(). */
function unwrap(node: unknown): Node {
  const { wrapped, pipe } = node as Node;
  if (wrapped !== undefined) return unwrap(wrapped);
  if (pipe !== undefined && pipe[0] !== node) return unwrap(pipe[0]);
  return node as Node;
}

function parse(source: string, file: string): AST.TOMLProgram {
  try {
    return parseTOML(source, { tomlVersion: '1.0' });
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    throw new EntropyError('ERR_CONFIG', `${file}:${error.lineNumber}: ${error.message}`);
  }
}

/**
 * Reads the text of a configuration file.
 * @param source TOML 1.0
 * @param file its name, for messages
 * @throws EntropyError `ERR_CONFIG` with file, line, key and what is wanted; nothing of a file with a
 *   fault is used
 */
export function parseConfigFile(source: string, file: string): FileConfig {
  const program = parse(source, file);
  const checked = v.safeParse(schema, getStaticTOMLValue(program), { abortEarly: true });
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  const path = (issue.path ?? []).map(({ key }) => key as string | number);
  const name = path.join('.').replace(/\.(\d+)/g, '[$1]');
  let wanted = issue.message;
  if (issue.type === 'strict_object' && issue.expected === 'never')
    wanted = `unknown key; the nearest is "${closest(String(path.at(-1)), knownKeys(path))}"`;
  else if (issue.type === 'strict_object') wanted = 'want a table';
  else if (issue.type === 'array') wanted = 'want an array';
  if (issue.received === 'undefined') wanted = 'is missing';
  throw new EntropyError('ERR_CONFIG', `${file}:${lineOf(program, path)}: ${name}: ${wanted}`);
}
