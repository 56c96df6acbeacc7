/** The Authorization header of both signature schemes: `SCHEME Name=value, Name=value`. Pure. */

/** What the header says. */
export interface Authorization {
  readonly scheme: string;
  /** By name; of a repeated one the first. */
  readonly parameters: ReadonlyMap<string, string>;
  /** The first part that is no `Name=value`. */
  readonly malformed: string | undefined;
  /** The first name that occurs twice. */
  readonly repeated: string | undefined;
}

/**
 * Reads the header. Parts are separated by commas, spaces or both, as the AWS services do it: hence a
 * value with a space in it is malformed.
 * @param header the whole value
 */
export function parseAuthorization(header: string): Authorization {
  const [scheme = '', ...parts] = header.split(/[, \t]+/);
  const parameters = new Map<string, string>();
  let malformed: string | undefined;
  let repeated: string | undefined;
  for (const part of parts) {
    if (part === '') continue; // after a comma at the end
    const equalAt = part.indexOf('=');
    const name = part.slice(0, Math.max(equalAt, 0));
    if (equalAt < 0) malformed ??= part;
    else if (parameters.has(name)) repeated ??= name;
    else parameters.set(name, part.slice(equalAt + 1));
  }
  return { scheme, parameters, malformed, repeated };
}
