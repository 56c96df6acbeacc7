// Three clients of one user, each with its own connection: prints what each of them got, and keeps the
// connections open until standard input ends.
import { connect } from '/usr/lib/node_modules/entropyd/dist/index.js';

const clients = [1, 2, 3].map(() => connect());
const got = [];
for (const client of clients)
  got.push(
    await client.random(8).then(
      () => 'bytes',
      ({ code }) => code,
    ),
  );
console.log(got.join(' '));
process.stdin.resume();
await new Promise((resolve) => process.stdin.on('end', resolve));
for (const client of clients) await client.close();
