import t from 'tap';
import { KMSServiceException } from '../src/apis/aws-kms/errors.js';
import { SecretsManagerServiceException } from '../src/apis/aws-secrets-manager/errors.js';
import { Client, connect } from '../src/client/client.js';
import { EntropyError, ServiceError } from '../src/common/errors.js';
import * as entropyd from '../src/index.js';

t.test('the package exports its client and its errors, and nothing else', async (t) => {
  t.strictSame(
    { ...entropyd },
    {
      Client,
      EntropyError,
      KMSServiceException,
      SecretsManagerServiceException,
      ServiceError,
      connect,
    },
  );
});
