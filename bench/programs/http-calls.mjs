/** One client sends POST / to 127.0.0.1: PORT HEADERS_JSON BODY. Prints calls per second. */
import { Agent, request } from 'node:http';

const inFlight = 16;
const warmUpMs = 1000;
const measuredMs = 500;

const [port, headersJson, body] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
const options = {
  host: '127.0.0.1',
  port,
  agent,
  method: 'POST',
  headers: JSON.parse(headersJson),
};

const call = () =>
  new Promise((resolve, reject) => {
    request(options, (response) => {
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      response.resume().once('end', resolve);
    })
      .once('error', reject)
      .end(body);
  });

async function callsPerSecond(milliseconds) {
  let calls = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (; performance.now() - start < milliseconds; calls++) await call();
    }),
  );
  return (calls / (performance.now() - start)) * 1000;
}

await callsPerSecond(warmUpMs);
console.log(await callsPerSecond(measuredMs));
process.exit();
