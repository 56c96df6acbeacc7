// Load on the gateway until standard input ends; prints as load.mjs does, with every twenty answers.
//   http-load.mjs plain   node:http with keep-alive and without retries
//   http-load.mjs sdk     the AWS SDK with its defaults: three attempts
// The test bundles it, because the machine does not have the SDK.
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { GenerateRandomCommand, KMSClient } from '@aws-sdk/client-kms';

const port = 8478;
const callers = 4;
const size = 64;
/** Answers to a printed line. */
const lineAnswers = 20;
const failures = {};
let answered = 0;
let worstMs = 0;
let going = true;
process.stdin.resume().on('end', () => {
  going = false;
});

const agent = new Agent({ keepAlive: true });
const body = JSON.stringify({ random_data_length: String(8 * size) });
const options = {
  agent,
  port,
  host: '127.0.0.1',
  method: 'POST',
  path: '/v1.0/project/kms/gen-random',
  headers: { 'X-Auth-Token': 'any' },
};

async function plain() {
  const [response] = await once(request(options).end(body), 'response');
  const text = (await response.setEncoding('utf8').toArray()).join('');
  return JSON.parse(text).random_data.length / 2;
}

const client = new KMSClient({
  endpoint: `http://127.0.0.1:${port}`,
  region: 'eu-central-1',
  credentials: { accessKeyId: 'any', secretAccessKey: 'any' },
});
const command = new GenerateRandomCommand({ NumberOfBytes: size });
const sdk = async () => (await client.send(command)).Plaintext.length;

async function ask(call) {
  while (going) {
    const start = performance.now();
    try {
      const received = await call();
      if (received === size) {
        if (++answered % lineAnswers === 0) console.log('.');
      } else failures.size = (failures.size ?? 0) + 1;
    } catch ({ code, name }) {
      failures[code ?? name] = (failures[code ?? name] ?? 0) + 1;
    }
    worstMs = Math.max(worstMs, performance.now() - start);
  }
}

const call = { plain, sdk }[process.argv[2]];
await call();
console.log('ready');
await Promise.all(Array.from({ length: callers }, () => ask(call)));
console.log(JSON.stringify({ answered, failures, worstMs: Math.round(worstMs) }));
process.exit(0);
