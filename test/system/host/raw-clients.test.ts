/** Programs of other people read a byte socket: socat, and three lines of Python. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { built, Program } from '../../support/program.js';
import { missing } from '../debian/deb.js';

const python = `
import socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.connect(sys.argv[1])
    sys.stdout.buffer.write(s.recv(32, socket.MSG_WAITALL).hex().encode())
`;

const [absent] = missing(['socat', 'python3']);
if (absent !== undefined) {
  if (process.env.CI === 'true') t.fail(`${absent} is not installed`);
  else t.plan(0, `${absent} is not installed`);
} else
  t.test('each reader gets as much as it wants', async (t) => {
    const raw = freePath();
    const config = join(temporaryFolder(), 'entropyd.toml');
    const main = freePath();
    writeFileSync(
      config,
      `[[listen]]\npath = "${main}"\n[[listen]]\npath = "${raw}"\nprotocol = "raw"\n`,
    );
    await new Program(t, [built('entropyd'), '--config', config]).says('entropyd listening');
    const said = async (script: string) => {
      const { status, stdout, stderr } = await new Program(t, [raw, python], { script }).ended;
      t.equal(stderr, '', script);
      t.equal(status, 0);
      return stdout.trim();
    };
    const seen = [
      await said(
        'socat -u UNIX-CONNECT:"$0" - 2>/dev/null | head -c 32 | od -An -v -tx1 | tr -d " \\n"',
      ),
      await said('python3 -c "$1" "$0"'),
    ];
    for (const bytes of seen) t.match(bytes, /^[0-9a-f]{64}$/);
    t.not(seen[0], seen[1]);
    t.equal(
      await said('socat -u UNIX-CONNECT:"$0" - 2>/dev/null | head -c 3000000 | wc -c'),
      '3000000',
    );
    // It ends its sending side at once, as systemd does: a page, or a few more.
    const size = Number(await said('socat -t 60 - UNIX-CONNECT:"$0" </dev/null | wc -c'));
    t.ok(size >= 4096 && size < 1_048_576 && size % 4096 === 0, `${size} bytes, and the end`);
  });
