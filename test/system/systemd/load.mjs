// load.mjs LIBRARY: sends requests of several sizes without a pause, through the installed library,
// until standard input ends. Prints a line when the first is answered and one with every hundred
// more; last, as JSON, how many were answered, the failures, and the longest wait.
const { connect } = await import(process.argv[2]);

const sizes = [16, 32, 1024, 65_536];
// Longer than a daemon takes to start on a busy machine: late answers are not failures, lost ones are.
const client = connect({ socketPath: '/run/entropyd/entropyd.sock', timeoutMs: 40_000 });
/** Answers to a printed line. */
const lineAnswers = 100;
const failures = {};
let answered = 0;
let worstMs = 0;
let going = true;
process.stdin.resume().on('end', () => {
  going = false;
});

async function ask(size) {
  while (going) {
    const start = performance.now();
    try {
      const bytes = await client.random(size);
      if (bytes.length === size && bytes.some((byte) => byte !== 0)) {
        if (++answered % lineAnswers === 0) console.log('.');
      } else failures.bytes = (failures.bytes ?? 0) + 1;
    } catch ({ code, message }) {
      failures[`${code} ${message}`] = (failures[`${code} ${message}`] ?? 0) + 1;
    }
    worstMs = Math.max(worstMs, performance.now() - start);
  }
}

await client.random(1);
console.log('ready');
await Promise.all(sizes.map(ask));
await client.close();
console.log(JSON.stringify({ answered, failures, worstMs: Math.round(worstMs) }));
