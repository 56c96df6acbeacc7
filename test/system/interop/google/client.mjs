/**
 * Asks for bytes, with a token over TLS or without one in plain text, and prints a line for each answer.
 * Arguments: host, port, `grpc` or `rest`, the token or nothing, how many bytes each time.
 */
import { KeyManagementServiceClient } from '@google-cloud/kms';
import { OAuth2Client, PassThroughClient } from 'google-auth-library';
import { grpc, Status } from 'google-gax';

const [host, port, transport, token, ...sizes] = process.argv.slice(2);

const authClient = token === '' ? new PassThroughClient() : new OAuth2Client();
if (token !== '') authClient.setCredentials({ access_token: token });
const client = new KeyManagementServiceClient({
  apiEndpoint: host,
  port: Number(port),
  authClient,
  fallback: transport === 'rest',
  ...(token === '' ? { protocol: 'http', sslCreds: grpc.credentials.createInsecure() } : {}),
});
for (const size of sizes) {
  const told = {};
  try {
    const [{ data, dataCrc32c }] = await client.generateRandomBytes(
      {
        location: client.locationPath('project', 'global'),
        lengthBytes: Number(size),
        protectionLevel: 'HSM',
      },
      // A daemon that is away would be asked for a minute.
      { retry: null },
    );
    told.data = Buffer.from(data).toString('hex');
    told.checksum = String(dataCrc32c.value);
  } catch ({ code, message, reason }) {
    Object.assign(told, { code: Status[code] ?? String(code), message, reason });
  }
  console.log(JSON.stringify(told));
}
await client.close();
