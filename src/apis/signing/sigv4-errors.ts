/**
 * What AWS says about a signature whose fault has a name. Pure; texts without parameters are those of
 * the service that was asked. IncompleteSignatureException is for what does not conform to the
 * standard, InvalidSignatureException for what conforms and is wrong.
 *
 * Sources: [S] recorded from live services, [G] a guess: correct it here when somebody has seen the
 * real one.
 */
import { ServiceError } from '../../common/errors.js';

/** Parts of the Authorization header without which it is incomplete, in the order of the text. */
export const headerParts = ['Credential', 'Signature', 'SignedHeaders'] as const;

/** Parameters without which a signature in the query is incomplete, in the order of the text. */
export const queryParts = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
  'X-Amz-Date',
] as const;

/** [S] A signature in the header and one in the query. */
export function twoSignatures(): ServiceError {
  return invalid(
    "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
  );
}

/** [S] A part of the Authorization header that has no `=`. */
export function notKeyValue(part: string, header: string): ServiceError {
  return incomplete(
    `'${part}' not a valid key=value pair (missing equal-sign) in Authorization header: '${header}'.`,
  );
}

/** [G] A header field or a part of the signature that there may be only one of. */
export function repeated(name: string): ServiceError {
  return incomplete(`'${name}' must not be repeated.`);
}

/** [S] What the Authorization header lacks. */
export function incompleteHeader(
  missing: readonly string[],
  dateMissing: boolean,
  header: string,
): ServiceError {
  const faults = missing.map((name) => `Authorization header requires '${name}' parameter. `);
  if (dateMissing)
    faults.push(
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
    );
  return incomplete(`${faults.join('')}Authorization=${header}`);
}

/** [S] What the query lacks. */
export function incompleteQuery(missing: readonly string[]): ServiceError {
  const faults = missing.map((name) => `AWS query-string parameters must include '${name}'. `);
  return incomplete(`${faults.join('')}Re-examine the query-string parameters.`);
}

/** [S] A time in another form. */
export function badDate(text: string): ServiceError {
  return incomplete(
    `Date must be in ISO-8601 'basic format'. Got '${text}'. See http://en.wikipedia.org/wiki/ISO_8601`,
  );
}

/** [S] Another of AWS's schemes. */
export function unsupportedAlgorithm(name: string): ServiceError {
  return incomplete(
    `Unsupported AWS 'algorithm': '${name}' (only AWS4-HMAC-SHA256 for now). `, // the space too
  );
}

/** [S] A credential that is not `key/yyyymmdd/region/service/aws4_request`. */
export function badCredential(credential: string): ServiceError {
  return incomplete(
    `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${credential}'`,
  );
}

/** [G] A lifetime out of its range. */
export function badLifetime(maxSeconds: number): ServiceError {
  return incomplete(`X-Amz-Expires must be an integer from 1 to ${maxSeconds}.`);
}

/** [G] Signed headers that are not lower-case, sorted and unique. */
export function badSignedHeaders(): ServiceError {
  return incomplete("'SignedHeaders' must be lower-case, sorted and unique.");
}

/** A header field that must be signed and is not: [S] for Host, [G] for others. */
export function notSigned(name: string): ServiceError {
  const shown = name === 'host' ? "'Host' or ':authority'" : `'${name}'`;
  return invalid(`${shown} must be a 'SignedHeader' in the AWS Authorization.`);
}

/** [S] All that is wrong with a scope; each fault is a sentence from below. */
export function badScope(faults: readonly string[]): ServiceError {
  return invalid(faults.join(''));
}

/** [S] The sentences of {@link badScope}, with the spaces that they end in. */
export const scopeFaults = {
  region: (region: string) => `Credential should be scoped to a valid region, not '${region}'. `,
  service: (wanted: string) => `Credential should be scoped to correct service: '${wanted}'. `,
  terminator: (wanted: string, terminator: string) =>
    `Credential should be scoped with a valid terminator: '${wanted}', not '${terminator}'. `,
  day: (day: string, wanted: string, time: string) =>
    `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${day}' != '${wanted}', from '${time}'.`,
} as const;

/**
 * [S] A signature that is too old. All times in ISO 8601 basic format.
 * @param window `5 min.`; [G] for other windows
 */
export function expired(time: string, earliest: string, now: string, window: string): ServiceError {
  return invalid(`Signature expired: ${time} is now earlier than ${earliest} (${now} - ${window})`);
}

/** [S] A signature from the future. All times in ISO 8601 basic format. */
export function notYetCurrent(
  time: string,
  latest: string,
  now: string,
  window: string,
): ServiceError {
  return invalid(
    `Signature not yet current: ${time} is still later than ${latest} (${now} + ${window})`,
  );
}

function incomplete(text: string): ServiceError {
  return new ServiceError('IncompleteSignatureException', 400, text);
}

function invalid(text: string): ServiceError {
  return new ServiceError('InvalidSignatureException', 400, text);
}
