// Asks KMS for 32 bytes, or with OPERATION=GetRandomPassword Secrets Manager for a password, and prints
// `ok SIZE` or `error CODE TEXT`. Argument: the endpoint, if any.
import { GenerateRandomCommand, KMSClient } from '@aws-sdk/client-kms';
import { GetRandomPasswordCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

const [endpoint] = process.argv.slice(2);
const options = endpoint === undefined ? {} : { endpoint };
try {
  if (process.env.OPERATION === 'GetRandomPassword') {
    const client = new SecretsManagerClient(options);
    const { RandomPassword } = await client.send(new GetRandomPasswordCommand());
    console.log('ok', RandomPassword.length);
  } else {
    const client = new KMSClient(options);
    const { Plaintext } = await client.send(new GenerateRandomCommand({ NumberOfBytes: 32 }));
    console.log('ok', Plaintext.length);
  }
} catch (error) {
  console.log('error', error.name, error.message);
}
