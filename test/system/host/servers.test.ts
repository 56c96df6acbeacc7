/** nginx and PostgreSQL with the OpenSSL provider: TLS, pgcrypto, workers, a restart under load. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { makeCertificate } from '../../support/certificates.js';
import { Conversation } from '../../support/conversation.js';
import { freePort } from '../../support/paths.js';
import { until } from '../../support/until.js';
import { testWith } from '../interop/installed.js';
import { as, firstOf, Host, isRoot, untilUp } from './host.js';

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
  const server = host.start(as('www-data', ...command));
  const fetch = () => fetchOnce(port, ca);
  await untilUp(server, async () => (await fetch()) === 'hello', 'nginx answers');
  const pids = () => workersOf(server.child.pid ?? 0);
  const workers = pids();
  t.equal(workers.split(' ').length, 2);

  const before = await host.served();
  for (let i = 0; i < 20; i++) t.equal(await fetch(), 'hello');
  // The server's random of TLS 1.3, and its key share.
  t.ok((await host.served()) - before >= 20 * 64, 'the daemon served each handshake');

  const load = new Load(fetch);
  await load.served();
  await host.stopDaemon();
  await load.failed();
  for (let i = 0; i < 8; i++)
    t.match(await fetch(), /^failed: /, 'no handshake without the daemon');
  const [test = '', ...flags] = as('www-data', ...command, '-t');
  const tested = await host.run(test, flags);
  t.match(tested, { status: 1, stderr: /entropyd is not running/ }, 'nor a start');
  await host.startDaemon();
  await load.served();
  const { answered, failures } = await load.end();
  t.comment(`answered ${answered}, failed ${JSON.stringify(failures)}`);
  t.equal(await fetch(), 'hello');
  t.equal(pids(), workers, 'the same workers');
  server.child.kill('SIGTERM');
  t.equal((await server.ended).status, 0);
});

/** The children of a process, in order. */
function workersOf(pid: number): string {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
}

/** Two clients that ask without a pause. */
class Load {
  readonly #ask: () => Promise<string>;
  readonly #clients: Promise<void>[];
  #ending = false;
  answered = 0;
  readonly failures: Record<string, number> = {};

  /** @param ask resolves with what was served, or with `failed: ` and why */
  constructor(ask: () => Promise<string>) {
    this.#ask = ask;
    this.#clients = [this.#run(), this.#run()];
  }

  async #run() {
    while (!this.#ending) {
      const said = await this.#ask();
      if (said.startsWith('failed: ')) this.failures[said] = (this.failures[said] ?? 0) + 1;
      else this.answered++;
    }
  }

  /** Resolves when more has been served. */
  async served(): Promise<void> {
    const before = this.answered;
    await until(() => this.answered > before + 4, 'more is served');
  }

  /** Resolves when something has failed. */
  async failed(): Promise<void> {
    await until(() => Object.keys(this.failures).length > 0, 'something fails');
  }

  async end(): Promise<this> {
    this.#ending = true;
    await Promise.all(this.#clients);
    return this;
  }
}

const postgres = {
  name: 'PostgreSQL (Debian packages postgresql and postgresql-contrib)',
  command: postgresFolder(),
};

/** The newest server's programs. */
function postgresFolder(): string | undefined {
  const all = '/usr/lib/postgresql';
  const versions = existsSync(all) ? readdirSync(all).sort((a, b) => Number(b) - Number(a)) : [];
  return versions
    .map((version) => join(all, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')));
}

testWith(postgres, 'PostgreSQL: pgcrypto and connections fail closed', async (t, programs) => {
  const host = await Host.start(t);
  const folder = join(host.folder, 'postgres');
  mkdirSync(folder);
  chmodSync(folder, 0o777);
  const user = isRoot ? 'postgres' : userInfo().username;
  const program = (name: string, ...args: string[]) => as(user, join(programs, name), ...args);
  const data = join(folder, 'data');
  const [command = '', ...args] = program('initdb', '-D', data, '-A', 'trust', '-U', 'test', '-N');
  await host.draws(16, command, args, { LC_ALL: 'C.UTF-8' });
  makeCertificate(folder, 'server');
  const own = [join(folder, 'server.pem'), join(folder, 'server.key')];
  if (isRoot) await host.run('chown', ['postgres', ...own]);
  const port = await freePort();
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    ssl: 'on',
    ssl_cert_file: own[0],
    ssl_key_file: own[1],
    fsync: 'off',
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = host.start(program('postgres', '-D', data, ...options));
  const where = `host=127.0.0.1 port=${port} user=test dbname=postgres sslmode=require`;
  const psql = ['psql', '-X', '-q', '-A', '-t', where];
  const ask = async (sql: string) => {
    const { status, stdout, stderr } = await host.run('psql', [...psql.slice(1), '-c', sql]);
    return status === 0 ? stdout.trim() : `failed: ${stderr}`;
  };
  await untilUp(server, async () => (await ask('select 1')) === '1', 'PostgreSQL answers');
  t.equal(await ask('create extension pgcrypto'), '');
  t.match(await ask('select version from pg_stat_ssl where pid = pg_backend_pid()'), /^TLSv1\.3$/);

  const session = new Conversation(host.start(psql));
  const bytes = `select encode(gen_random_bytes(32), 'hex');`;
  const before = await host.served();
  const drawn = new Set<string>();
  for (let i = 0; i < 10; i++) drawn.add(await session.say(bytes));
  for (const each of drawn) t.match(each, /^[0-9a-f]{64}$/);
  t.equal(drawn.size, 10);
  t.ok((await host.served()) - before >= 320, 'the daemon served them');
  // Each connection is a process that the server forks.
  const forked = await Promise.all(Array.from({ length: 8 }, () => ask(bytes)));
  t.equal(new Set(forked).size, 8);
  for (const each of forked) t.match(each, /^[0-9a-f]{64}$/);

  const load = new Load(() => ask(bytes));
  await load.served();
  await host.stopDaemon();
  await load.failed();
  t.match(await session.say(bytes), /^ERROR: .*(random|PX_NO_RANDOM)/i);
  t.match(await ask('select 1'), /^failed: /, 'nor is there a new connection');
  t.equal(await session.say('select 2;'), '2', 'an old one goes on without random bytes');
  await host.startDaemon();
  await load.served();
  const { answered, failures } = await load.end();
  t.comment(`answered ${answered}, failed ${Object.values(failures)}`);
  t.match(await session.say(bytes), /^[0-9a-f]{64}$/, 'the old session draws again');
  t.match(await session.end(), { status: 0 });
  server.child.kill('SIGINT');
  t.equal((await server.ended).status, 0);
});
