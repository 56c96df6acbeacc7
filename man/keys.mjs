/**
 * The keys of the TOML files: what each takes, from the schemas that check them, and its default.
 */
import { defaults } from '../dist/config/config.js';
import { camelCase } from '../dist/config/load.js';
import { configSchema } from '../dist/config/schema.js';
import { credentialsSchema } from '../dist/gateway/auth/credentials-file.js';

/** The schema inside optional(). */
function required(schema) {
  return schema.type === 'optional' ? required(schema.wrapped) : schema;
}

/** What a value has to be, in the words in which the parser refuses others. */
function wanted(schema) {
  const { type, item, pipe = [], message } = required(schema);
  const last = pipe.findLast((part) => typeof part.message === 'string')?.message;
  if (type === 'array')
    return `an array, each ${wanted(item)}${last === undefined ? '' : `; ${strip(last)}`}`;
  return strip(type === 'number' ? message : (last ?? message));
}

function strip(text) {
  return text.replace(/^want /, '');
}

/** All keys below a table or an array of tables, as `table.key`. */
function keysOf(schema, path = []) {
  const { entries, item } = required(schema);
  const table = entries ?? (item && required(item).entries);
  if (table === undefined) return [[path.join('.'), { wanted: wanted(schema) }]];
  return Object.entries(table).flatMap(([name, inner]) => keysOf(inner, [...path, name]));
}

/** A key's default as TOML; undefined if it has none. */
function standard(key) {
  const value = key.split('.').reduce((table, name) => table[camelCase(name)], defaults);
  if (value === undefined || value.length === 0) return undefined;
  return key === 'listen.mode' ? `"0${value.toString(8)}"` : JSON.stringify(value);
}

/** By file and key: `wanted`, and `standard`, the key's default. */
export const keys = {
  config: new Map(
    keysOf(configSchema).map(([key, value]) => [key, { ...value, standard: standard(key) }]),
  ),
  credentials: new Map(keysOf(credentialsSchema)),
};
