/** The keys of the TOML files, by the schemas that check them: what each takes, and its default. */
import { mergeConfig } from '../dist/config/config.js';
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

/** A file that names what is there only by being named. */
const least = { listen: [{ path: '/socket' }], source: [{ name: 'device', path: '/device' }] };
const merged = mergeConfig(least, {}, { env: {}, uid: 0, exists: () => false });
const tables = { ...merged, listen: merged.listen[0], source: merged.devices.at(-1) };

/** What holds where a file does not say it; undefined where nothing does, or the file has to. */
function standard(key) {
  const [table, name] = key.includes('.') ? key.split('.') : [undefined, key];
  const property = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  if (property in (least[table]?.[0] ?? {})) return undefined;
  const value = (tables[table] ?? merged)[property];
  if (value === undefined || value.length === 0) return undefined;
  return name === 'mode' ? `"0${value.toString(8)}"` : JSON.stringify(value);
}

/** By file and key: `wanted`, and `standard`, its default. */
export const keys = {
  config: new Map(
    keysOf(configSchema).map(([key, value]) => [key, { ...value, standard: standard(key) }]),
  ),
  credentials: new Map(keysOf(credentialsSchema)),
};
