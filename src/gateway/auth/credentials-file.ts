/**
 * The credentials file: who may ask, for what and how often. It is checked as a whole, and no message
 * repeats a value from it.
 */
import { closest } from 'fastest-levenshtein';
import * as v from 'valibot';
import type { Operation } from '../../apis/api.js';
import { isOperation, operationsOf } from '../../apis/list.js';
import { type Fault, integer, parseTomlFile, text } from '../../config/toml.js';

/** Ours; a header cannot hold more. Tokens of clouds have some thousand characters. */
const maxTokenCharacters = 8192;

const matching = (pattern: RegExp, wanted: string) => v.pipe(text, v.regex(pattern, wanted));

/** A header of HTTP carries these unchanged. */
const token = matching(
  new RegExp(`^[\\x21-\\x7e]{1,${maxTokenCharacters}}$`),
  `want 1 to ${maxTokenCharacters} visible ASCII characters`,
);

const operation = (operations: readonly Operation[]) =>
  v.pipe(
    v.string('want a string'),
    v.check(
      (name) => isOperation(name, operations),
      ({ input }) =>
        `unknown operation; the nearest is "${closest(
          input,
          operations.map(({ name }) => name),
        )}"`,
    ),
  );

/** Everything that a file may say if `allow` may grant these operations. */
function schemaFor(operations: readonly Operation[]) {
  const common = {
    // What an IAM user's name may be: it is part of an ARN, and of the log.
    name: matching(/^[\w+=,.@-]{1,64}$/, 'want 1 to 64 of A-Z, a-z, 0-9 and _+=,.@-'),
    expires: v.optional(v.date('want a time such as 2027-01-01T00:00:00Z, without quotes')),
    allow: v.optional(v.array(operation(operations))),
    requests_per_second: v.optional(integer(1, 1_000_000)),
    project_id: v.optional(matching(/^[\w-]{1,64}$/, 'want 1 to 64 of A-Z, a-z, 0-9, _ and -')),
  };
  return v.strictObject({
    key: v.optional(
      v.array(
        v.strictObject({
          ...common,
          // No comma, slash or equals sign: it is part of Credential=KEY/DATE/...
          access_key: matching(/^[\w.-]{1,128}$/, 'want 1 to 128 of A-Z, a-z, 0-9, _, . and -'),
          secret_key: text,
          session_token: v.optional(token),
        }),
      ),
      [],
    ),
    token: v.optional(v.array(v.strictObject({ ...common, token })), []),
  });
}

/** Everything that a file may say; `allow` grants the operations of every API in the list. */
export const credentialsSchema = schemaFor(operationsOf());

/** What a file says, checked: names, access keys and tokens are unique. */
export type CredentialsFile = v.InferOutput<typeof credentialsSchema>;

/** An entry of either kind. */
export type CredentialEntry = CredentialsFile['token'][number] | CredentialsFile['key'][number];

/** The first of `entries` whose value an earlier one has. */
function repeated(
  entries: readonly (readonly [table: string, index: number, key: string, value: string])[],
): Fault | undefined {
  const seen = new Map<string, string>();
  for (const [table, index, key, value] of entries) {
    const first = seen.get(value);
    if (first !== undefined)
      return { path: [table, index, key], wanted: `the same as that of ${first}` };
    seen.set(value, `${table}[${index}]`);
  }
  return undefined;
}

function faultIn({ key, token }: CredentialsFile): Fault | undefined {
  // An empty file is a slip more often than a decision: adopted at a reload, it would lock everyone out.
  if (key.length + token.length === 0)
    return { path: ['key'], wanted: 'want at least one [[key]] or [[token]]' };
  const names = (table: string, entries: readonly CredentialEntry[]) =>
    entries.map(({ name }, i) => [table, i, 'name', name] as const);
  return (
    repeated([...names('key', key), ...names('token', token)]) ??
    repeated(key.map(({ access_key }, i) => ['key', i, 'access_key', access_key])) ??
    repeated(token.map(({ token }, i) => ['token', i, 'token', token]))
  );
}

/**
 * Reads the text of a credentials file.
 * @param source TOML 1.0
 * @param file its name, for messages
 * @param operations that `allow` may grant; default: those of every API in the list
 * @throws EntropyError `ERR_CONFIG` with file, line, key and what is wanted
 */
export function parseCredentialsFile(
  source: string,
  file: string,
  operations?: readonly Operation[],
): CredentialsFile {
  const schema = operations === undefined ? credentialsSchema : schemaFor(operations);
  return parseTomlFile(schema, source, file, faultIn);
}
