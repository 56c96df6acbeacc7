/** The client for Go: its own tests under the race detector, against the real daemon, and its fuzz target. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { built, Program } from '../../support/program.js';
import { type Client, testWith } from '../interop/installed.js';

t.setTimeout(900_000);

const folder = fileURLToPath(new URL('../../../clients/go/', import.meta.url));

/** Any version from 1.19 on, which has no `--version`. */
const found = spawnSync('go', ['version']).status === 0;
const go: Client = { name: 'Go', command: found ? 'go' : undefined, optional: true };

async function succeeds(t: Test, script: string): Promise<string> {
  const { status, stdout, stderr } = await new Program(t, [], {
    script,
    cwd: folder,
    env: {
      ...process.env,
      ENTROPYD_TEST_DAEMON: JSON.stringify([process.execPath, built('entropyd')]),
    },
  }).ended;
  t.equal(status, 0, `${script}: ${stdout}${stderr}`);
  return stdout;
}

testWith(go, 'it is formatted and vetted, and needs nothing but Go', async (t) => {
  t.equal(await succeeds(t, 'gofmt -l .'), '');
  await succeeds(t, 'go vet ./...');
  t.equal(await succeeds(t, 'go list -m all'), 'entropyd\n');
});

testWith(go, 'its tests pass under the race detector', async (t) => {
  t.match(await succeeds(t, 'go test -race -count=1 -v .'), /^--- PASS: TestDaemon /m);
});

testWith(go, 'no answer breaks it: its fuzz target, 100,000 answers', async (t) => {
  await succeeds(t, 'go test -run=^$ -fuzz=FuzzAnswer -fuzztime=100000x .');
});
