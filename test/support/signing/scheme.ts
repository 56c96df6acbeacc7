/** What holds for both signature schemes: a table of tests, filled by what a scheme is. */
import fc from 'fast-check';
import t from 'tap';
import type { SignedRequest } from '../../../src/apis/signing/canonical-request.js';
import { ServiceError } from '../../../src/common/errors.js';
import {
  body,
  type Change,
  change,
  changed,
  headerOf,
  type UnsignedRequest,
  withField,
  withHeaders,
} from './signing.js';

/** Who signs, in any scheme. */
export interface By {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly time: number;
}

/** A client that signs, and the requests that it signs as the scheme wants it. */
export interface Oracle<B extends By> {
  readonly name: string;
  readonly sign: (request: UnsignedRequest, by: B) => SignedRequest | Promise<SignedRequest>;
  readonly requests: fc.Arbitrary<UnsignedRequest>;
}

/** What an error has to have. */
export interface Fault {
  readonly code: string;
  readonly message: string | RegExp;
}

export interface Scheme<B extends By, Claim extends { readonly canonicalRequest: string }> {
  /** What a client sends, and who signs it. */
  readonly plain: UnsignedRequest;
  readonly signing: B;
  sign(request: UnsignedRequest, by: B): SignedRequest;
  read(request: SignedRequest): Claim;
  verify(request: SignedRequest, claim: Claim, secretKey: string, now: number): void;
  /** Whether a claim is of who signed, as a caller asks that looks the secret up. */
  isOf(claim: Claim, by: B): boolean;
  /** Fields that are covered besides the signed ones. */
  covered(by: B): readonly string[];
  /** Of a signature that is not the request's. */
  readonly mismatch: Fault;
  /** Codes and status of every error. */
  readonly codes: readonly string[];
  readonly status: number;
  /** How far a clock may be off, and what is said of one that is further off. */
  readonly windowMs: number;
  readonly late: Fault;
  readonly early: Fault;
  /** The header that repeats the hash of the body. */
  readonly hashField: string;
  /** The header that tells the time. */
  readonly dateField: string;
  readonly signings: fc.Arbitrary<B>;
  readonly oracles: readonly Oracle<B>[];
  /** Texts and names that mean something in the scheme, and fields with which a request is nearly one. */
  readonly pieces: readonly string[];
  readonly names: readonly string[];
  readonly fields: readonly string[];
}

/** A request with another Authorization: `from` becomes `to` in it. */
export const edited = (request: SignedRequest, from: string | RegExp, to: string) =>
  withHeaders(request, {
    authorization: headerOf(request, 'authorization').replace(from, to),
  });

/** node:http's limit of headers, and the gateway's. */
const headerBytes = 16 * 1024;

/** Some milliseconds; quadratic work on 16 KiB takes hundreds. Of the processor, whoever else has it. */
const maxCpuMs = 100;

/** Processor time of the least of some runs. */
function cpuMs(run: () => void): number {
  const runs = Array.from({ length: 5 }, () => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...runs);
}

/** Tests a scheme. @returns how its own tests sign and check */
export function describeScheme<B extends By, Claim extends { readonly canonicalRequest: string }>(
  scheme: Scheme<B, Claim>,
) {
  const { plain, signing, mismatch } = scheme;
  const now = signing.time;
  const signed = (changes: Partial<B> = {}, request: Partial<UnsignedRequest> = {}) =>
    scheme.sign({ ...plain, ...request }, { ...signing, ...changes });

  /** Reads and verifies. */
  function check(request: SignedRequest, at = now, secretKey = signing.secretKey): Claim {
    const claim = scheme.read(request);
    scheme.verify(request, claim, secretKey, at);
    return claim;
  }

  function accepts(request: SignedRequest, by: B): boolean {
    try {
      return scheme.isOf(check(request, by.time, by.secretKey), by);
    } catch (error) {
      if (error instanceof ServiceError) return false;
      throw error;
    }
  }

  /** Whether a request is accepted, and no longer is when one byte of it has changed. */
  function isTight(request: SignedRequest, by: B, where: Change): boolean {
    const signedHeaders = scheme.read(request).canonicalRequest.split('\n').at(-2) ?? '';
    const fields = [...signedHeaders.split(';'), ...scheme.covered(by)];
    return (
      accepts(request, by) &&
      !accepts(changed(request, where, fields), by) &&
      !accepts(request, { ...by, secretKey: `${by.secretKey}.` })
    );
  }

  t.test('a signature is valid in its window before and after its time', async (t) => {
    const request = signed();
    const { windowMs, late, early } = scheme;
    for (const off of [-windowMs, -1000, 0, windowMs])
      t.doesNotThrow(() => check(request, now + off), `${off} ms`);
    t.throws(() => check(request, now + windowMs + 1), late);
    t.throws(() => check(request, now + windowMs + 60_000), late);
    t.throws(() => check(request, now - windowMs - 1000), early);
  });

  t.test('the body is what its hash says', async (t) => {
    t.throws(() => check({ ...signed(), body: Buffer.from('{}') }), mismatch);
    for (const hash of ['UNSIGNED-PAYLOAD', 'STREAMING-HMAC-SHA256-PAYLOAD', '', '0'.repeat(64)]) {
      const field = [scheme.hashField, [hash]] as const;
      const other = signed({}, { headers: [...plain.headers, field] });
      t.throws(() => check(other), mismatch, `${hash} beside the right one`);
    }
  });

  t.test('a wrong secret, and a signature in another form, do not match', async (t) => {
    const request = signed();
    t.throws(() => check(request, now, `${signing.secretKey} `), mismatch);
    const signature = /[0-9a-f]{64}$/.exec(headerOf(request, 'authorization'))?.[0] ?? '';
    for (const to of [
      signature.toUpperCase(),
      signature.slice(1),
      `${signature}0`,
      'x',
      'é'.repeat(64),
    ])
      t.throws(() => check(edited(request, signature, to)), mismatch, to);
  });

  t.test('a signed field with an empty value cannot be taken away', async (t) => {
    const request = signed({}, { headers: [...plain.headers, ['x-empty', ['']]] });
    t.doesNotThrow(() => check(request));
    t.throws(() => check(withHeaders(request, { 'x-empty': undefined })), mismatch);
  });

  t.test('the name of Host is not looked at, its port is signed', async (t) => {
    const request = signed({}, { headers: [['host', ['localhost:8478']]] });
    t.doesNotThrow(() => check(request));
    t.throws(() => check(withHeaders(request, { host: 'localhost' })), mismatch);
  });

  for (const { name, sign, requests } of scheme.oracles)
    t.test(`whatever ${name} signs is accepted, and nothing else`, async (t) => {
      await t.resolves(
        fc.assert(
          fc.asyncProperty(requests, scheme.signings, change, async (request, by, where) =>
            isTight(await sign(request, by), by, where),
          ),
          { numRuns: 3000 },
        ),
      );
    });

  t.test('anything else is an error of the service', async (t) => {
    const latin1 = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
    });
    const pieces = fc.constantFrom(
      ' ',
      ',',
      '=',
      ';',
      '/',
      '%',
      '&',
      '__proto__',
      ...scheme.pieces,
    );
    const text = fc
      .array(fc.oneof(latin1, pieces), { maxLength: 8 })
      .map((parts) => parts.join(''));
    const name = fc.oneof(
      latin1,
      fc.constantFrom('Authorization', 'Host', '__proto__', ...scheme.names),
    );
    const fields = fc.array(fc.tuple(name, text), { maxLength: 6 }).map((pairs) => pairs.flat());
    const anyRequest = fc.record({
      method: latin1,
      path: latin1,
      query: text,
      rawHeaders: fc.oneof(
        fields,
        fields.map((more) => [...scheme.fields, ...more]),
      ),
      body,
    });
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(anyRequest, (request) => {
          try {
            check(request);
            return false;
          } catch (error) {
            return (
              error instanceof ServiceError &&
              scheme.codes.includes(error.code) &&
              error.status === scheme.status
            );
          }
        }),
        { numRuns: 5000 },
      ),
    );
  });

  t.test('the time taken grows no faster than the request', async (t) => {
    const many = (make: (at: number) => readonly string[]) =>
      Array.from({ length: 2000 }, (_, at) => make(at)).flat();
    const names = many((at) => [`x-${at}`]).sort();
    const request = signed();
    const withFields = (fields: readonly string[]) => ({
      ...request,
      rawHeaders: [...request.rawHeaders, ...fields],
    });
    const units = [' ', '\t', ',', '=', ';', '/', '%', '%41', '&', '+', 'a ', 'a=b,', 'a;', 'a=b&'];
    for (const [name, hostile] of [
      ...[...units, ...scheme.pieces].flatMap((unit) => {
        const text = unit.repeat(headerBytes / unit.length);
        return [
          [`Authorization ${unit}`, edited(request, /$/, text)],
          [`SignedHeaders ${unit}`, edited(request, /(?<=SignedHeaders=)/, text)],
          [`the time ${unit}`, withHeaders(request, { [scheme.dateField]: text })],
          [`Date ${unit}`, withHeaders(request, { [scheme.dateField]: undefined, date: text })],
          [`Content-Type ${unit}`, withHeaders(request, { 'content-type': `a${text}a` })],
          [`path ${unit}`, { ...request, path: text }],
          [`query ${unit}`, { ...request, query: text }],
        ] as const;
      }),
      ['fields', withFields(many((at) => [`x-amz-${at}`, '']))],
      ['one field', withFields(many(() => ['content-type', 'a']))],
      [
        'signed fields',
        edited(
          withFields(many((at) => [`x-${at}`, ''])),
          /SignedHeaders=[^,]*/,
          `SignedHeaders=host;${names.join(';')}`,
        ),
      ],
    ] as const) {
      const took = cpuMs(() => accepts(hostile, signing));
      if (took >= maxCpuMs) t.fail(`${name}: ${took.toFixed(1)} ms`);
    }
  });

  return { signed, check, withField, now } as const;
}
