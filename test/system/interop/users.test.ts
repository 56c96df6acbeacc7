import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { connect } from '../../../src/client/client.js';
import { untilAnswers } from '../../support/daemon.js';
import { temporaryFolder } from '../../support/paths.js';
import { startDaemonProgram } from '../../support/program.js';

/** Two users that every Debian has; neither is root. */
const [daemonUser, mailUser] = ['daemon', 'mail'];

const skip =
  process.geteuid?.() !== 0
    ? 'only root may act for two users'
    : spawnSync('setpriv', ['--version']).status !== 0
      ? 'setpriv of util-linux is not installed'
      : false;

/** Sends requests as another user. @returns everything received until the daemon ends, in hexadecimal */
async function as(user: string, path: string, requests: string): Promise<string> {
  const client = `import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(bytes.fromhex(sys.argv[2]))
s.shutdown(socket.SHUT_WR)
while data := s.recv(65536): sys.stdout.write(data.hex())`;
  const run = ['--reuid', user, '--regid', user, '--init-groups', '/usr/bin/python3', '-c', client];
  return (await promisify(execFile)('setpriv', [...run, path, requests])).stdout;
}

const random = '940001a672616e646f6d9110'; // [0, 1, "random", [16]]
const reseed = '940002a672657365656490'; // [0, 2, "reseed", []]
const code = (name: string) => Buffer.from(name).toString('hex');

t.test(
  'two users are told apart: each has its own rights and its own quota',
  { skip },
  async (t) => {
    const folder = join(temporaryFolder(), 'shared');
    mkdirSync(folder);
    for (const open of [temporaryFolder(), folder]) chmodSync(open, 0o755);
    const config = join(folder, 'entropyd.toml');
    writeFileSync(
      config,
      `[access]\nadmin_group = "${mailUser}"\n[limits]\nbytes_per_second_per_user = 1\n`,
    );
    const { path } = await startDaemonProgram(t, ['--config', config]);
    await untilAnswers(path);
    t.match(await as(daemonUser, path, random), /^9401ce00000001c0c410/, 'the first is served');
    t.ok(
      (await as(daemonUser, path, random)).includes(code('ERR_RATE')),
      'and has used up its own',
    );
    t.match(await as(mailUser, path, random), /^9401ce00000001c0c410/, 'the second has not');
    t.ok((await as(daemonUser, path, reseed)).includes(code('ERR_FORBIDDEN')));
    t.match(await as(mailUser, path, reseed), /^940102c0/, 'a member of the group');
    const client = connect({ socketPath: path });
    t.match(await client.reseed(), { state: 'operational' }, 'root');
    await client.close();
  },
);
