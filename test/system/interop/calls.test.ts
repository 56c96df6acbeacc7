/** The commands of the page at `/`, unchanged: each gets bytes, with any or with the right credentials. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { call } from '../../support/gateway.js';
import { temporaryFolder } from '../../support/paths.js';
import { commandClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const clients = [
  commandClient('curl', 'curl (Debian package curl)'),
  commandClient('aws', 'the aws command (Debian package awscli)'),
] as const;

/** The member that has the bytes, or the password. */
const answer = /"(Plaintext|RandomPassword|random_data|random_bytes|data|value)": ?"[!-~]{24,}"/;

/** The key is the one in every client's environment in these tests. */
const credentialsFile = `[[key]]
name = "key"
access_key = "AKIDEXAMPLE"
secret_key = "secret"
[[token]]
name = "token"
token = "the-token"
project_id = "p1"
`;

for (const client of clients)
  for (const verifies of [false, true])
    testWith(
      client,
      `the commands for ${client.name}, ${verifies ? 'verified' : 'open'}`,
      async (t, name) => {
        const credentials = join(temporaryFolder(), 'credentials.toml');
        writeFileSync(credentials, credentialsFile, { mode: 0o600 });
        const { port } = await startRealPath(t, verifies ? { credentials } : {});
        const headers = { host: `127.0.0.1:${port}` };
        const { body } = await call({ port, path: '/', headers });
        const commands = body
          .split('\n')
          .filter((line) => new RegExp(`^ {2}(\\w+=any )*${name} `).test(line));
        t.equal(commands.length, name === 'aws' ? 2 : 7);
        const variables = { TOKEN: 'the-token', PROJECT_ID: 'p1' };
        for (const command of commands) {
          const { status, stdout, stderr } = await run('sh', ['-c', command], variables);
          t.equal(status, 0, stderr);
          t.match(stdout, answer, command);
        }
      },
    );
