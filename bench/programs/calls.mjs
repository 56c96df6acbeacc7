/** One client calls for 32 bytes: CLIENT SOCKET IN_FLIGHT. Prints calls per second. */
import { Redis } from 'ioredis';
import { connect } from '../../dist/index.js';

const warmUpMs = 300;
const measuredMs = 300;

const [name, path, inFlight] = process.argv.slice(2);

function entropyd(mixLocal) {
  const client = connect({ socketPath: path, mixLocal });
  return () => client.random(32);
}

function ioredis() {
  const client = new Redis({ path, enableAutoPipelining: true });
  return () => client.getBuffer('k');
}

const call = { plain: () => entropyd(false), mixed: () => entropyd(true), ioredis }[name]();

/** Keeps a fixed number of calls in flight: each response starts the next call. */
async function callsPerSecond(milliseconds) {
  let calls = 0;
  let running = true;
  setTimeout(() => {
    running = false;
  }, milliseconds);
  const start = performance.now();
  await Promise.all(
    Array.from({ length: Number(inFlight) }, async () => {
      for (; running; calls++) await call();
    }),
  );
  return (calls / (performance.now() - start)) * 1000;
}

await callsPerSecond(warmUpMs);
console.log(await callsPerSecond(measuredMs));
process.exit();
