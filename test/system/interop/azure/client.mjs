/**
 * Asks Managed HSM for random bytes, once for each count. Arguments: URL, token, `verify` or `trust` (the
 * challenge's resource), counts. Prints `ok HEX` or `error STATUS CODE TEXT` for each. Asks again only in
 * the mode `retry`, which verifies.
 */
import { KeyClient } from '@azure/keyvault-keys';

const [url, token, mode, ...counts] = process.argv.slice(2);
const credential = {
  getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }),
};
const client = new KeyClient(url, credential, {
  disableChallengeResourceVerification: mode === 'trust',
  allowInsecureConnection: url.startsWith('http:'),
  retryOptions: { maxRetries: mode === 'retry' ? 1 : 0 },
});
for (const count of counts)
  try {
    const bytes = await client.getRandomBytes(Number(count));
    console.log('ok', Buffer.from(bytes).toString('hex'));
  } catch ({ statusCode, code, message }) {
    console.log('error', statusCode, code, message.replaceAll('\n', ' '));
  }
