import { execFileSync } from 'node:child_process';
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { logFault, readPrivateFile, secretFault, self } from '../../src/common/private-file.js';
import { maxFileBytes } from '../../src/common/regular-file.js';

const dir = t.testdir({ private: 'WonderfulSecret', folder: {} });
const path = join(dir, 'private');
const key = 'gateway.credentials';

t.test('gives the bytes of a file that is its owner’s alone', async (t) => {
  for (const mode of [0o600, 0o400]) {
    chmodSync(path, mode);
    t.equal(
      String(await readPrivateFile(path, 'key', key, self)),
      'WonderfulSecret',
      mode.toString(8),
    );
  }
  symlinkSync('private', join(dir, 'link'));
  t.equal(
    String(await readPrivateFile(join(dir, 'link'), 'key', key, self)),
    'WonderfulSecret',
    'a link',
  );
});

t.test('refuses a secret that anybody else has any permission on', async (t) => {
  for (const mode of [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666]) {
    chmodSync(path, mode);
    await t.rejects(
      readPrivateFile(path, 'TLS key', key, self),
      {
        code: 'ERR_CONFIG',
        message: `TLS key ${path}: mode 0${mode.toString(8)} lets other users reach it; chmod 600 it`,
      },
      mode.toString(8),
    );
    t.equal(
      String(await readPrivateFile(path, 'certificate', key, undefined)),
      'WonderfulSecret',
      'no secret',
    );
  }
  chmodSync(path, 0o600);
});

t.test('a log is its owner’s or root’s, and at most a group may read it', async (t) => {
  for (const [uid, mode, fault] of [
    [5, 0o600, undefined],
    [5, 0o640, undefined],
    [0, 0o640, undefined],
    [5, 0o644, 'mode 0644 lets other users reach it; chmod 640 it'],
    [0, 0o660, 'mode 0660 lets other users reach it; chmod 640 it'],
    [6, 0o600, 'it belongs to user 6, and this process runs as user 5; chown it'],
  ] as const)
    t.equal(logFault({ uid, mode: 0o100000 | mode }, { uid: 5 }), fault, mode.toString(8));
});

t.test(
  'refuses a secret of another user',
  { skip: process.geteuid?.() !== 0 && 'needs root' },
  async (t) => {
    const foreign = join(dir, 'foreign');
    writeFileSync(foreign, 'x', { mode: 0o600 });
    execFileSync('chown', ['65534', foreign]);
    await t.rejects(readPrivateFile(foreign, 'key', key, self), {
      code: 'ERR_CONFIG',
      message: `key ${foreign}: it belongs to user 65534, and this process runs as user 0; chown it`,
    });
    t.equal(String(await readPrivateFile(foreign, 'certificate', key, undefined)), 'x');
  },
);

t.test(
  'a secret is its reader’s alone, or root’s with at most one group that may read',
  async (t) => {
    const [root, reader, other] = [0, 998, 1000];
    const [rootsGroup, readersGroup, supplementary, users] = [0, 998, 8478, 100];
    const belongs = `it belongs to user ${other}, and this process runs as user ${reader}; chown it`;
    const reached = (mode: string, wanted: number) =>
      `mode ${mode} lets other users reach it; chmod ${wanted} it`;
    for (const [what, uid, gid, mode, fault] of [
      ['its own', reader, users, 0o600, undefined],
      ['its own, for a group of its own too', reader, readersGroup, 0o640, reached('0640', 600)],
      [
        'root’s alone, which only a capability or a list lets it open',
        root,
        users,
        0o600,
        undefined,
      ],
      ['of a Debian package', root, readersGroup, 0o640, undefined],
      ['of a Secret with fsGroup', root, supplementary, 0o440, undefined],
      ['of LoadCredential=, by its access control list', root, rootsGroup, 0o440, undefined],
      [
        'for everybody’s group',
        root,
        users,
        0o640,
        `group ${users} may read it, and user ${reader} is not in it; chgrp it`,
      ],
      ['for others', root, readersGroup, 0o644, reached('0644', 640)],
      ['of a Secret without defaultMode', root, rootsGroup, 0o644, reached('0644', 640)],
      ['writable for its group', root, readersGroup, 0o660, reached('0660', 640)],
      ['for others alone', root, readersGroup, 0o604, reached('0604', 640)],
      ['another user’s', other, readersGroup, 0o600, belongs],
      ['another user’s, for a group of its own', other, readersGroup, 0o640, belongs],
    ] as const)
      t.equal(
        secretFault(
          { uid, gid, mode: 0o100000 | mode },
          { uid: reader, groups: [readersGroup, supplementary] },
        ),
        fault,
        what,
      );
    t.equal(
      secretFault(
        { uid: root, gid: rootsGroup, mode: 0o100640 },
        { uid: root, groups: [rootsGroup] },
      ),
      reached('0640', 600),
      'as root itself there is no exception',
    );
  },
);

t.test('refuses at once what is not a file, and what is too large', async (t) => {
  const fifo = join(dir, 'fifo');
  execFileSync('mkfifo', ['-m', '600', fifo]);
  const large = join(dir, 'large');
  writeFileSync(large, '', { mode: 0o600 });
  for (const [name, message] of [
    [fifo, `key ${fifo}: want a regular file`],
    [join(dir, 'folder'), /folder: want a regular file$/],
    ['/dev/null', 'key /dev/null: want a regular file'],
    ['', /^key : ENOENT/],
    [join(dir, 'missing'), /^key .*missing: ENOENT: /],
  ] as const)
    await t.rejects(readPrivateFile(name, 'key', key, self), { code: 'ERR_CONFIG', message }, name);
  writeFileSync(large, Buffer.alloc(maxFileBytes));
  t.equal((await readPrivateFile(large, 'key', key, self)).length, maxFileBytes);
  writeFileSync(large, Buffer.alloc(maxFileBytes + 1));
  await t.rejects(readPrivateFile(large, 'key', key, self), {
    message: /larger than 1048576 bytes$/,
  });
});
