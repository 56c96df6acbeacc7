/** Starts node-vault-client, then asks for 32 bytes. Arguments: URL and token. */
import VaultClient from 'node-vault-client';

const [url, token] = process.argv.slice(2);
const client = new VaultClient({
  api: { url },
  auth: { type: 'token', config: { token } },
  logger: false,
});
const told = {};
try {
  // Looks the token up first, and goes on with the one that it was told.
  const { random_bytes } = (await client.write('sys/tools/random/32', {})).data;
  told.size = Buffer.from(random_bytes, 'base64').length;
} catch ({ statusCode, error }) {
  told.refusal = `${statusCode}: ${error?.errors}`;
}
process.stdout.write(`${JSON.stringify(told)}\n`);
