import t from 'tap';
import { Client, connect } from '../src/client.js';
import { EntropyError, ServiceError } from '../src/common/errors.js';
import { KMSServiceException } from '../src/formats/aws-sdk-error.js';
import * as entropyd from '../src/index.js';

t.test('the package exports its client and its errors, nothing else', async (t) => {
  t.strictSame(
    { ...entropyd },
    {
      Client,
      EntropyError,
      KMSServiceException,
      ServiceError,
      connect,
    },
  );
});
