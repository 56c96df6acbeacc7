import t from 'tap';
import {
  denied,
  GoogleError,
  invalidArgument,
  invalidCredential,
  missingCredential,
  throttled,
  toGoogleError,
} from '../../../src/apis/google-kms/errors.js';
import { EntropyError } from '../../../src/common/errors.js';

t.test('a code has the number of gRPC and the status of HTTP', async (t) => {
  for (const [code, number, status] of [
    ['INVALID_ARGUMENT', 3, 400],
    ['NOT_FOUND', 5, 404],
    ['PERMISSION_DENIED', 7, 403],
    ['RESOURCE_EXHAUSTED', 8, 429],
    ['UNIMPLEMENTED', 12, 501],
    ['INTERNAL', 13, 500],
    ['UNAVAILABLE', 14, 503],
    ['UNAUTHENTICATED', 16, 401],
  ] as const)
    t.match(new GoogleError(code, 'x'), { code, number, status, message: 'x', details: [] });
});

t.test('who may not is told with the text of the service, and a reason for programs', async (t) => {
  const domain = 'googleapis.com';
  for (const [error, code, message, detail] of [
    [
      missingCredential(),
      'UNAUTHENTICATED',
      /^Request is missing required authentication credential\. Expected OAuth 2 /,
      { reason: 'CREDENTIALS_MISSING', domain },
    ],
    [
      invalidCredential(),
      'UNAUTHENTICATED',
      /^Request had invalid authentication credentials\. Expected OAuth 2 /,
      { reason: 'ACCESS_TOKEN_TYPE_UNSUPPORTED', domain },
    ],
    [
      denied('projects/p/locations/l'),
      'PERMISSION_DENIED',
      "Permission 'cloudkms.locations.generateRandomBytes' denied on resource 'projects/p/locations/l' (or it may not exist).",
      { reason: 'IAM_PERMISSION_DENIED', metadata: { resource: 'projects/p/locations/l' } },
    ],
    [
      throttled(),
      'RESOURCE_EXHAUSTED',
      'Resource has been exhausted (e.g. check quota).',
      { reason: 'RATE_LIMIT_EXCEEDED', domain },
    ],
    [invalidArgument('x'), 'INVALID_ARGUMENT', 'x', { field: undefined, description: 'x' }],
    [invalidArgument('x', 'f'), 'INVALID_ARGUMENT', 'x', { field: 'f', description: 'x' }],
  ] as const)
    t.match(error, { code, message, details: [detail] }, error.message);
});

t.test('failures of the gateway have a code, and say nothing of their cause', async (t) => {
  for (const [cause, code, status, message] of [
    [new EntropyError('ERR_RATE', 'secret'), 'RESOURCE_EXHAUSTED', 429, /^Resource has been /],
    [new EntropyError('ERR_CONNECT', 'secret'), 'UNAVAILABLE', 503, /^The service is currently /],
    [new EntropyError('ERR_TOO_LARGE', 'secret'), 'RESOURCE_EXHAUSTED', 413, /too large/],
    // Clients ask again: a fleet has another host.
    [new EntropyError('ERR_HEALTH', 'secret'), 'UNAVAILABLE', 503, /^The service is currently /],
    [new EntropyError('ERR_INTERNAL', 'secret'), 'INTERNAL', 500, 'Internal error encountered.'],
    ['secret', 'INTERNAL', 500, 'Internal error encountered.'],
  ] as const)
    t.match(toGoogleError(cause), { code, status, message, cause, details: [] }, code);
  const error = throttled();
  t.equal(toGoogleError(error), error);
});
