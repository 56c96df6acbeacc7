/** nginx and PostgreSQL with the OpenSSL provider: TLS, pgcrypto, workers, a restart under load. */
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { Test } from 'tap';
import { makeCertificate } from '../../support/certificates.js';
import { Conversation } from '../../support/conversation.js';
import { freePort } from '../../support/paths.js';
import { until } from '../../support/until.js';
import { testWith } from '../interop/installed.js';
import { as, firstOf, Host, isRoot } from './host.js';

const nginx = { name: 'nginx (Debian package nginx-light)', command: firstOf('/usr/sbin/nginx') };

/** One handshake and one request. @returns the body, or the error's code */
function fetchOnce(port: number, ca: Buffer): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connectTls({ port, host: '127.0.0.1', ca, servername: 'localhost' }, () =>
      socket.end('GET / HTTP/1.0\r\n\r\n'),
    );
    socket.setEncoding('utf8').on('data', (data) => {
      text += data;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(`failed: ${error.code}`));
    socket.on('close', () => resolve(text.split('\r\n\r\n')[1] ?? 'failed: no answer'));
  });
}

const nginxConfiguration = (folder: string, port: number, certificate: string, key: string) => `
daemon off;
worker_processes 2;
pid ${folder}/nginx.pid;
error_log ${folder}/error.log info;
# nginx removes all variables but these from the environment of its workers.
env ENTROPYD_SOCKET;
events { worker_connections 64; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join('\n  ')}
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${certificate};
    ssl_certificate_key ${key};
    # Every connection needs a handshake of its own.
    ssl_session_tickets off;
    ssl_session_cache off;
    location / { return 200 "hello"; }
  }
}
`;

testWith(nginx, 'nginx: handshakes fail closed, and its workers survive', async (t, nginx) => {
  const host = await Host.start(t);
  const folder = join(host.folder, 'nginx');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  const { certificate, key, ca } = makeCertificate(folder, 'localhost');
  chmodSync(key, 0o644);
  const port = await freePort();
  const configuration = join(folder, 'nginx.conf');
  writeFileSync(configuration, nginxConfiguration(folder, port, certificate, key));
  const command = [nginx, '-p', folder, '-c', configuration, '-e', join(folder, 'error.log')];
  const server = host.start(as('nobody', ...command));
  const fetch = () => fetchOnce(port, ca);
  await until(async () => (await fetch()) === 'hello', 'nginx answers');
  const pids = () => workersOf(server.child.pid ?? 0);
  const workers = await until(() => pids().length === 2 && pids(), 'two workers');

  const before = await host.served();
  for (let i = 0; i < 20; i++) t.equal(await fetch(), 'hello');
  // The server's random of TLS 1.3, and its key share.
  t.ok((await host.served()) - before >= 20 * 64, 'the daemon served each handshake');

  const load = new Load(fetch);
  await load.served();
  await host.stopDaemon();
  await load.failed();
  for (let i = 0; i < 8; i++) t.match(await fetch(), /^failed: /, 'no handshake without the daemon');
  await host.startDaemon();
  await load.served();
  const { answered, failures } = await load.end();
  t.comment(`answered ${answered}, failed ${JSON.stringify(failures)}`);
  t.equal(await fetch(), 'hello');
  t.strictSame(pids(), workers, 'the same workers');
  server.child.kill('SIGTERM');
  t.equal((await server.ended).status, 0);
});

/** The children of a process. */
function workersOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === parent)
    .map(Number)
    .sort((a, b) => a - b);
}
