// Asks KMS for 32 bytes, and prints `ok SIZE` or `error CODE TEXT`. Argument: the endpoint, if any.
import { GenerateRandomCommand, KMSClient } from '@aws-sdk/client-kms';

const [endpoint] = process.argv.slice(2);
try {
  const kms = new KMSClient(endpoint === undefined ? {} : { endpoint });
  const { Plaintext } = await kms.send(new GenerateRandomCommand({ NumberOfBytes: 32 }));
  console.log('ok', Plaintext.length);
} catch (error) {
  console.log('error', error.name, error.message);
}
