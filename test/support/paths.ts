/** Temporary folders and socket paths of one test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import root, { type Test } from 'tap';

let folder: string | undefined;
let paths = 0;

/** A folder of this test's own below the temporary one: short enough for the paths of sockets. */
export function temporaryFolder(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'entropyd-'));
    root.teardown(() => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return folder;
}

/** Where clients and daemon of this process look, until the test ends. */
export function setSocketVariable(t: Test, path: string): void {
  const before = process.env.ENTROPYD_SOCKET;
  t.teardown(() => {
    if (before === undefined) delete process.env.ENTROPYD_SOCKET;
    else process.env.ENTROPYD_SOCKET = before;
  });
  process.env.ENTROPYD_SOCKET = path;
}

/** A path that nothing is at, for a socket. */
export function freePath(): string {
  return join(temporaryFolder(), `${++paths}.sock`);
}
