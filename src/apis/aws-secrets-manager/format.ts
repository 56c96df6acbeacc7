/**
 * AWS Secrets Manager GetRandomPassword (awsJson1_1): members to rules, a password to a body. Pure.
 *
 * Limits and defaults are those of the service's model (2017-10-17) and API reference. Sources of each text
 * below: [R] reported by others who asked the live service (through CloudFormation, us-east-1, 2026),
 * [G] a guess: correct it here once somebody has seen the real one.
 */
import { ServiceError } from '../../common/errors.js';
import {
  checkConstraints,
  rangeFault,
  toBoolean,
  toMembers,
  toText,
  toWhole,
} from '../aws-json/members.js';
import { characterTypes, type PasswordRules } from './password.js';

/** PasswordLength, and characters of ExcludeCharacters. */
export const maxPasswordLength = 4096;
const defaultPasswordLength = 32;
const maxExcluded = 4096;

/** Members of a request. */
export interface GetRandomPasswordInput {
  /** 1 to 4096; default 32. */
  PasswordLength?: number | undefined;
  /** At most 4096 characters that the password must not have. */
  ExcludeCharacters?: string | undefined;
  ExcludeNumbers?: boolean | undefined;
  /** Excludes ``!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~``. */
  ExcludePunctuation?: boolean | undefined;
  ExcludeUppercase?: boolean | undefined;
  ExcludeLowercase?: boolean | undefined;
  /** Whether the password may have spaces. */
  IncludeSpace?: boolean | undefined;
  /** Whether the password has at least one character of every type but the space; default true. */
  RequireEachIncludedType?: boolean | undefined;
}

/**
 * The password that a request asks for. The types of all members are checked first, then the model's
 * constraints, then whether there is such a password. null equals absent, and unknown members are ignored.
 * @param input the request's members, as JSON or a caller of the client library gives them
 * @throws ServiceError `SerializationException`, `ValidationException`, `InvalidParameterException`
 */
export function decodeRequest(input: unknown): PasswordRules {
  const members = toMembers(input);
  const length = toWhole(members.PasswordLength, 'a Long');
  const excluded = toText(members.ExcludeCharacters);
  const isExcluded = {
    numbers: toBoolean(members.ExcludeNumbers),
    punctuation: toBoolean(members.ExcludePunctuation),
    uppercase: toBoolean(members.ExcludeUppercase),
    lowercase: toBoolean(members.ExcludeLowercase),
  };
  const hasSpace = toBoolean(members.IncludeSpace) ?? false;
  const isEachRequired = toBoolean(members.RequireEachIncludedType) ?? true;
  checkConstraints([
    rangeFault('passwordLength', length, 'value', length, [1, maxPasswordLength]),
    rangeFault('excludeCharacters', excluded, 'length', excluded?.length, [0, maxExcluded]),
  ]);
  const without = new Set(excluded);
  const types = (Object.keys(characterTypes) as (keyof typeof characterTypes)[])
    .filter((name) => isExcluded[name] !== true)
    .map((name) => characterTypes[name]);
  const [spaces = '', ...left] = [hasSpace ? ' ' : '', ...types].map((type) =>
    [...type].filter((character) => !without.has(character)).join(''),
  );
  if (left.join('') + spaces === '')
    throw parameterError('All characters have been excluded from selection');
  if (isEachRequired && left.includes(''))
    throw parameterError('All characters of the desired type have been excluded');
  const rules = {
    length: length ?? defaultPasswordLength,
    types: [...left, spaces].filter((type) => type !== ''),
    required: isEachRequired ? left.length : 0,
  };
  if (rules.length < rules.required)
    throw parameterError('Password length is too short based on the required types.');
  return rules;
}

/** [R] the texts; [G] which of them if two apply. */
function parameterError(text: string): ServiceError {
  return new ServiceError('InvalidParameterException', 400, text);
}

const before = '{"RandomPassword":"';
const after = '"}';

/** The characters of a password that JSON has in two (RFC 8259 7): `"` and `\`. */
const quote = 0x22;
const backslash = 0x5c;

/**
 * The body of a good response. No string is made of the password on the way, as in random-text.ts.
 * @param password ASCII without control characters; it stays the caller's
 * @returns a new buffer, the caller's. Its memory is its own and never moves: filled with zeros, nothing
 *   is left of the password
 */
export function encodeResponse(password: Uint8Array): Buffer {
  const isEscaped = (character: number) => character === quote || character === backslash;
  const escapes = password.reduce((count, character) => count + Number(isEscaped(character)), 0);
  const size = before.length + password.length + escapes + after.length;
  const text = Buffer.from(new ArrayBuffer(size));
  let at = text.write(before, 'latin1');
  for (const character of password) {
    if (isEscaped(character)) text[at++] = backslash;
    text[at++] = character;
  }
  text.write(after, at, 'latin1');
  return text;
}
