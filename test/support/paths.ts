/** Temporary folders, socket paths and free ports of one test file. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import root, { type Test } from 'tap';

let folder: string | undefined;
let paths = 0;

/** The test file's own folder: its path is short enough for a Unix socket's 107 bytes. */
export function temporaryFolder(): string {
  if (folder === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'entropyd-'));
    root.teardown(() => rmSync(made, { recursive: true, force: true }));
    folder = made;
  }
  return folder;
}

/** Sets ENTROPYD_SOCKET in this process until the test ends. */
export function setSocketVariable(t: Test, path: string): void {
  const before = process.env.ENTROPYD_SOCKET;
  t.teardown(() => {
    if (before === undefined) delete process.env.ENTROPYD_SOCKET;
    else process.env.ENTROPYD_SOCKET = before;
  });
  process.env.ENTROPYD_SOCKET = path;
}

/** A socket path at which there is no file yet. */
export function freePath(): string {
  return join(temporaryFolder(), `${++paths}.sock`);
}

/**
 * A TCP port of 127.0.0.1 that was free a moment ago, for programs that cannot report which port
 * the kernel chose.
 */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
