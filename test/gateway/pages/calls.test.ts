import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import { type CallsOptions, callsFor } from '../../../src/gateway/pages/calls.js';

const open: CallsOptions = {
  url: 'http://127.0.0.1:8478',
  dialect: 'otc',
  verifies: false,
  region: 'eu-de',
  socketPath: undefined,
};

const commands = (changed: Partial<CallsOptions>) =>
  callsFor({ ...open, ...changed }).map(({ command }) => command);

t.test('an open gateway takes any key and token, and the commands name one', async (t) => {
  t.strictSame(commands({}), [
    'AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any aws kms generate-random --number-of-bytes 32 --region eu-de --endpoint-url http://127.0.0.1:8478',
    `curl --aws-sigv4 aws:amz:eu-de:kms --user any:any -H 'Content-Type: application/x-amz-json-1.1' -H 'X-Amz-Target: TrentService.GenerateRandom' -d '{"NumberOfBytes":32}' http://127.0.0.1:8478/`,
    `curl -H 'X-Auth-Token: any' -d '{"random_data_length":"512"}' http://127.0.0.1:8478/v1.0/project/kms/gen-random`,
    "curl -X POST -H 'X-Vault-Token: any' http://127.0.0.1:8478/v1/sys/tools/random/32",
  ]);
});

t.test('where proofs are verified they come from the shell, as the notes say', async (t) => {
  for (const { title, note, command } of callsFor({ ...open, verifies: true, socketPath: '/s' })) {
    t.notMatch(command, /\bany\b/, title);
    const variables = [...command.matchAll(/\$(\w+)/g)].map(([, name = '']) => name);
    for (const name of variables) t.match(note, name, title);
  }
});

t.test('the URL is where the command says that it has one', async (t) => {
  for (const { title, command, hasUrl } of callsFor({ ...open, socketPath: '/s' }))
    t.equal(command.includes(open.url), hasUrl, title);
});

t.test('the path of a socket is one word of the shell, whatever is in it', async (t) => {
  t.match(commands({ socketPath: '/run/a.sock' })[4], /^curl --unix-socket \/run\/a\.sock -H /);
  const path = fc.string({ minLength: 1, unit: fc.constantFrom(...' \'"$`\\*;|&<>(){}ab/-~') });
  fc.assert(
    fc.property(path, (socketPath) => {
      const [, word = ''] =
        /^curl --unix-socket (.*?) -H /s.exec(commands({ socketPath })[4] ?? '') ?? [];
      const { stdout } = spawnSync('sh', ['-c', `printf %s ${word}`], { encoding: 'utf8' });
      return stdout === socketPath;
    }),
    { numRuns: 50 },
  );
  t.pass('by sh');
});
