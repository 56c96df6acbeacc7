// A client inside a pod's network. Prints one line of JSON.
//   ask.mjs page PORT PATH HOST        requests a page as a kubelet's probe does, with any certificate:
//                                      the status
//   ask.mjs kms PORT KEY SECRET COUNT  calls GenerateRandom COUNT times with the AWS SDK: the sizes, or
//                                      the error's name
import { once } from 'node:events';
import { request } from 'node:https';

const [what, port, ...rest] = process.argv.slice(2);
const address = '127.0.0.1';

async function page(path, host) {
  const options = { host: address, port, path, headers: { host }, rejectUnauthorized: false };
  const sent = request(options).end();
  const [response] = await once(sent, 'response');
  response.resume();
  return response.statusCode;
}

async function kms(accessKeyId, secretAccessKey, count) {
  const { GenerateRandomCommand, KMSClient } = await import('@aws-sdk/client-kms');
  const client = new KMSClient({
    endpoint: `https://localhost:${port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  });
  const command = new GenerateRandomCommand({ NumberOfBytes: 32 });
  const one = () =>
    client.send(command).then(
      ({ Plaintext }) => Plaintext.length,
      ({ name }) => name,
    );
  return Promise.all(Array.from({ length: Number(count) }, one));
}

console.log(JSON.stringify(await { page, kms }[what](...rest)));
process.exit(0);
