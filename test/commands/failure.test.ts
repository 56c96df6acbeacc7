import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  askingFailed,
  CommandError,
  UsageError,
  writingFailed,
} from '../../src/commands/failure.js';
import { connectError } from '../../src/connector.js';
import { EntropyError, type ErrorCode, ServiceError } from '../../src/errors.js';
import { temporaryFolder } from '../support.js';

const path = '/run/entropyd.sock';

t.test('each failure of the daemon has its message, the socket and what to do', async (t) => {
  for (const [code, advice] of [
    ['ERR_LENGTH', ''],
    ['ERR_PARAMS', ''],
    ['ERR_TIMEOUT', "; it is overloaded or hangs: see the daemon's log (journalctl -u entropyd)"],
    ['ERR_CLOSED', "; see the daemon's log (journalctl -u entropyd)"],
    ['ERR_MESSAGE', "; is that entropyd's socket? name the right one with --socket"],
    ['ERR_TOO_LARGE', "; is that entropyd's socket? name the right one with --socket"],
    ['ERR_METHOD', '; the daemon is of another version: restart it'],
    ['ERR_FORBIDDEN', "; run it as root, as the daemon's user or as a member of its admin_group"],
    ['ERR_BUSY', '; try again later'],
    ['ERR_RATE', '; wait, or raise bytes_per_second_per_user'],
    ['ERR_NOT_SEEDED', '; wait; entropyctl status shows the sources'],
    ['ERR_HEALTH', '; entropyctl status shows why; entropyctl reseed is the way back'],
    ['ERR_ENTROPY', '; entropyctl status shows the sources'],
    ['ERR_INTERNAL', "; see the daemon's log (journalctl -u entropyd)"],
  ] as const satisfies [ErrorCode, string][]) {
    const told = askingFailed(new EntropyError(code, 'what'), path);
    t.ok(told instanceof CommandError);
    t.match(told, { code, message: `what (socket ${path})${advice}` });
  }
});

t.test('a message that has the path does not get it twice', async (t) => {
  const missing = connectError(path, Object.assign(new Error(), { code: 'ENOENT' }));
  t.match(askingFailed(missing, path), {
    code: 'ERR_CONNECT',
    message: `no daemon on ${path} (ENOENT); start one with: entropyd --socket ${path}`,
  });
});

t.test('a path that is no socket is said to be that', async (t) => {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  const refused = connectError(file, Object.assign(new Error(), { code: 'ECONNREFUSED' }));
  t.match(askingFailed(refused, file), {
    code: 'ERR_CONNECT',
    message: `${file} is no socket: name the daemon's with --socket`,
  });
});

t.test('an API’s error is told by its cause, what is not foreseen as it is', async (t) => {
  const cause = new EntropyError('ERR_BUSY', 'full');
  t.match(askingFailed(new ServiceError('KMS.0104', 503, 'x', { cause }), path), {
    code: 'ERR_BUSY',
    message: `full (socket ${path}); try again later`,
  });
  for (const error of [new TypeError('a bug'), new UsageError('N'), undefined])
    t.equal(askingFailed(error, path), error);
});

t.test('each failure to write has the path and what to do', async (t) => {
  for (const [code, advice] of [
    ['ENOENT', 'its folder is not there: make it, or take another'],
    ['ENOTDIR', 'a part of its path is no folder'],
    ['EISDIR', 'it is a folder: name a file in it'],
    ['EACCES', 'no permission: run it as its owner, or take another place'],
    ['EPERM', 'no permission: run it as its owner, or take another place'],
    ['EROFS', 'the file system is read-only: take another place'],
    ['ENOSPC', 'there is no space left: make some, or take another place'],
    ['EDQUOT', 'there is no space left: make some, or take another place'],
    ['EIO', 'EIO: i/o error, write'],
  ] as const) {
    const error = Object.assign(new Error('EIO: i/o error, write'), { code, syscall: 'write' });
    t.match(writingFailed(error, '/f'), { code, message: `cannot write /f (${code}): ${advice}` });
    t.match(writingFailed(error, undefined), {
      message: `cannot write standard output (${code}): ${advice}`,
    });
  }
  const bug = new TypeError('a bug');
  t.equal(writingFailed(bug, '/f'), bug);
  const nameless = Object.assign(new Error('x'), { syscall: 'write' });
  t.match(writingFailed(nameless, '/f'), { code: 'ERR_INTERNAL' });
});

t.test('a usage error has the code that stands for exit code 64', async (t) => {
  t.match(new UsageError('N'), { code: 'ERR_USAGE', message: 'N' });
});
