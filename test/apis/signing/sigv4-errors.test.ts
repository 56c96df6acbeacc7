import t from 'tap';
import * as errors from '../../../src/apis/signing/sigv4-errors.js';

t.test('each fault has its code and text, with status 400', async (t) => {
  const [incomplete, invalid] = ['IncompleteSignatureException', 'InvalidSignatureException'];
  for (const [error, code, message] of [
    [
      errors.twoSignatures(),
      invalid,
      "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
    ],
    [
      errors.notKeyValue('a', 'AWS4-HMAC-SHA256 a'),
      incomplete,
      "'a' not a valid key=value pair (missing equal-sign) in Authorization header: 'AWS4-HMAC-SHA256 a'.",
    ],
    [errors.repeated('host'), incomplete, "'host' must not be repeated."],
    [
      errors.incompleteHeader(errors.headerParts, true, 'AWS4-'),
      incomplete,
      "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-",
    ],
    [
      errors.incompleteQuery(errors.queryParts.slice(1, 3)),
      incomplete,
      "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-Signature'. Re-examine the query-string parameters.",
    ],
    [
      errors.badDate('201'),
      incomplete,
      "Date must be in ISO-8601 'basic format'. Got '201'. See http://en.wikipedia.org/wiki/ISO_8601",
    ],
    [
      errors.unsupportedAlgorithm('AWS4-HMAC-SHA25'),
      incomplete,
      "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA25' (only AWS4-HMAC-SHA256 for now). ",
    ],
    [
      errors.badCredential('a/b/c/d'),
      incomplete,
      "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'a/b/c/d'",
    ],
    [errors.badLifetime(9), incomplete, 'X-Amz-Expires must be an integer from 1 to 9.'],
    [
      errors.badSignedHeaders(),
      incomplete,
      "'SignedHeaders' must be lower-case, sorted and unique.",
    ],
    [
      errors.notSigned('host'),
      invalid,
      "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    ],
    [
      errors.notSigned('x-amz-a'),
      invalid,
      "'x-amz-a' must be a 'SignedHeader' in the AWS Authorization.",
    ],
    [
      errors.badScope([
        errors.scopeFaults.region('c'),
        errors.scopeFaults.service('kms'),
        errors.scopeFaults.terminator('aws4_request', 'e'),
        errors.scopeFaults.day('b', '20130609', '20130609T095204Z'),
      ]),
      invalid,
      "Credential should be scoped to a valid region, not 'c'. Credential should be scoped to correct service: 'kms'. Credential should be scoped with a valid terminator: 'aws4_request', not 'e'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 'b' != '20130609', from '20130609T095204Z'.",
    ],
    [
      errors.expired('20181105T215603Z', '20181105T221104Z', '20181105T221604Z', '5 min.'),
      invalid,
      'Signature expired: 20181105T215603Z is now earlier than 20181105T221104Z (20181105T221604Z - 5 min.)',
    ],
    [
      errors.notYetCurrent('A', 'B', 'C', '5 min.'),
      invalid,
      'Signature not yet current: A is still later than B (C + 5 min.)',
    ],
  ] as const)
    t.match(error, { name: 'ServiceError', code, status: 400, message }, message);
});
