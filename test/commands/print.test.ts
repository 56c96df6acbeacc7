import { closeSync, openSync } from 'node:fs';
import t from 'tap';
import { print, printJson } from '../../src/commands/print.js';
import { built, Program, printedBy } from '../support.js';

t.test('a text has one line’s end, a value is one line of JSON', async (t) => {
  t.equal(await printedBy(t, () => print('a\nb')), 'a\nb\n');
  t.equal(await printedBy(t, () => printJson({ a: 'x\ny\x1b' })), '{"a":"x\\ny\\u001b"}\n');
});

t.test('a full disk and a closed pipe are failures, not silence', async (t) => {
  const script = `import { print } from ${JSON.stringify(built('commands/print'))};
    try { await print('x'); console.error('printed'); }
    catch (error) { console.error(error.code, error.message); }`;
  const full = openSync('/dev/full', 'w');
  const program = new Program(t, ['--input-type=module', '-e', script], {
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  t.match(await program.ended, {
    status: 0,
    stderr: /^ENOSPC cannot write standard output \(ENOSPC\): there is no space left/,
  });
  // The reader is gone before the first write.
  const pipe = '{ sleep 0.2; "$0" "$1" "$2" "$3"; } 2>&3 | true';
  const closed = new Program(t, [process.execPath, '--input-type=module', '-e', script], {
    script: `exec 3>&2; ${pipe}`,
  });
  t.match((await closed.ended).stderr, /^EPIPE /);
});
