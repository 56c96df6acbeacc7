/** openssl, python3 and curl with the OpenSSL provider: at work, without the daemon, after its return. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { makeCertificate } from '../../support/certificates.js';
import { Conversation } from '../../support/conversation.js';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { lines } from '../../support/program.js';
import { commandClient, pythonClient, testWith } from '../interop/installed.js';
import { firstOf, Host } from './host.js';

const openssl = {
  name: 'openssl (Debian package openssl)',
  command: firstOf('/usr/bin/openssl'),
};
const strace = commandClient('strace', 'strace (Debian package strace)');
const curl = commandClient('curl', 'curl (Debian package curl)');
const python = pythonClient('ssl', 'python3 (Debian package python3)');

/** A self-signed certificate is asked for; what is random in it, and its key, is the daemon's. */
const request = (folder: string) => {
  const configuration = join(folder, 'request.cnf');
  writeFileSync(configuration, '[req]\ndistinguished_name = name\n[name]\n');
  const files = ['-keyout', '/dev/null', '-out', join(folder, 'made.pem')];
  return [
    ...['req', '-x509', '-config', configuration, '-subj', '/CN=localhost', '-noenc'],
    ...['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', ...files],
  ];
};

/** The example configuration with a line changed. @returns its path */
function configured(host: Host, name: string, change: (text: string) => string): string {
  const path = join(host.folder, name);
  const example = readFileSync(join(host.folder, 'openssl.cnf'), 'utf8');
  const changed = change(example);
  if (changed === example) throw new Error(`${name}: nothing is changed`);
  writeFileSync(path, changed);
  return path;
}

testWith(openssl, 'openssl draws from the daemon, and fails without it', async (t, openssl) => {
  const host = await Host.start(t);
  const { stdout } = await host.draws(32, openssl, ['rand', '-hex', '32']);
  t.match(stdout, /^[0-9a-f]{64}\n$/);
  await host.draws(3_000_000, openssl, ['rand', '-out', '/dev/null', '3000000']);
  await host.draws(32, openssl, request(host.folder));
  const { stdout: listed } = await host.run(openssl, ['list', '-random-instances']);
  t.strictSame(listed.match(/\S+ @ \S+/g), Array(3).fill('ENTROPYD @ entropyd'));
  const { stdout: providers } = await host.run(openssl, ['list', '-providers']);
  t.match(providers, /entropyd\n.*name: entropyd\n.*version: \d\S+\n.*status: active/);

  await host.stopDaemon();
  for (const args of [['rand', '-hex', '32'], request(host.folder)]) {
    const { status, stdout, stderr } = await host.run(openssl, args);
    t.not(status, 0, `${args[0]}`);
    t.notMatch(stdout, /^[0-9a-f]{64}$/);
    t.match(stderr, 'entropyd is not running');
  }
  await host.startDaemon();
  await host.draws(32, openssl, ['rand', '-hex', '32']);
});

testWith(openssl, 'without the module there are no random bytes', async (t, openssl) => {
  const host = await Host.start(t);
  const asked = await host.run(openssl, ['rand', '-hex', '32'], {
    OPENSSL_MODULES: '/nonexistent',
  });
  t.not(asked.status, 0);
  t.equal(asked.stdout, '');
  t.match(asked.stderr, 'ENTROPYD');
});

testWith(openssl, 'as a seed source the kernel would replace it silently', async (t, openssl) => {
  const host = await Host.start(t);
  const seed = configured(host, 'seed.cnf', (text) => text.replace('\nrandom = E', '\nseed = E'));
  await host.draws(32, openssl, ['rand', '-hex', '32'], { OPENSSL_CONF: seed });
  await host.stopDaemon();
  t.match(await host.run(openssl, ['rand', '-hex', '32'], { OPENSSL_CONF: seed }), {
    status: 0,
    stdout: /^[0-9a-f]{64}\n$/,
    stderr: '',
  });
});

testWith(openssl, 'a line that fails before `random` would take it away', async (t, openssl) => {
  const host = await Host.start(t);
  await host.stopDaemon();
  const faulty = configured(host, 'faulty.cnf', (text) =>
    text
      .replace('config_diagnostics = 1\n', '')
      .replace('\nrandom = r', '\nunknown = line\nrandom = r'),
  );
  const asked = await host.run(openssl, ['rand', '-hex', '32'], { OPENSSL_CONF: faulty });
  t.equal(asked.status, 0, 'which is why the example has it first');
  const behind = configured(host, 'behind.cnf', (text) =>
    text
      .replace('config_diagnostics = 1\n', '')
      .replace('\nproviders = ', '\nunknown = line\nproviders = '),
  );
  t.not((await host.run(openssl, ['rand', '-hex', '32'], { OPENSSL_CONF: behind })).status, 0);
});

testWith(openssl, 'of two lines `providers` the last counts, and all fails', async (t, openssl) => {
  const host = await Host.start(t);
  const two = configured(host, 'two.cnf', (text) =>
    text.replace(
      '\n[random_section]',
      'providers = without\n[without]\ndefault = active_section\n[random_section]',
    ),
  );
  const asked = await host.run(openssl, ['rand', '-hex', '32'], { OPENSSL_CONF: two });
  t.not(asked.status, 0);
  t.match(asked, { stdout: '', stderr: 'ENTROPYD' });
});

/** A web server with TLS that has OpenSSL of its own. @returns curl's arguments for a request to it */
async function serveTls(t: Test, host: Host): Promise<string[]> {
  const { certificate, key, ca } = makeCertificate(host.folder, 'localhost');
  const server = createServer({ key: readFileSync(key), cert: ca }, (_, response) => {
    response.end('hello\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  return ['-sS', '--cacert', certificate, `https://localhost:${port}/`];
}

/** The system calls of a program that cannot connect to the daemon. */
async function traced(t: Test, host: Host, strace: string, command: readonly string[]) {
  const report = join(temporaryFolder(), 'calls');
  const options = ['-f', '-qq', '-e', 'trace=connect,getrandom,open,openat', '-o', report];
  const { status } = await host.run(strace, [...options, ...command], {
    ENTROPYD_SOCKET: freePath(),
  });
  t.not(status, 0, `${command[0]} fails`);
  const calls = lines(readFileSync(report, 'utf8'));
  const failed = calls.findIndex((line) => /connect\(.*ENOENT/.test(line));
  t.ok(failed >= 0, 'it has tried to connect');
  t.strictSame(
    calls.slice(failed).filter((line) => /getrandom\(|random"/.test(line)),
    [],
    'nothing of the kernel after that',
  );
}

testWith(strace, 'after a failed connect nothing comes from the kernel', async (t, strace) => {
  const host = await Host.start(t);
  const { command = 'openssl' } = openssl;
  await traced(t, host, strace, [command, 'rand', '-hex', '32']);
  await traced(t, host, strace, [command, ...request(host.folder)]);
  if (curl.command !== undefined)
    await traced(t, host, strace, [curl.command, ...(await serveTls(t, host))]);
  if (python.command === undefined) return;
  const drawn = 'import os, ssl\ntry: ssl.RAND_bytes(32)\nexcept ssl.SSLError: os._exit(7)';
  await traced(t, host, strace, [python.command, '-c', drawn]);
});

/** Handshakes in memory, forks, and threads of Python; obeys words on standard input. */
const session = `
import os, ssl, sys, threading
certificate, key = sys.argv[1:]

def handshake():
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(down, up), server.wrap_bio(up, down, server_side=True)]
    for _ in range(4):
        for end in ends:
            try: end.do_handshake()
            except ssl.SSLWantReadError: pass
    return ends[0].version() + ' ' + ends[0].cipher()[0]

def fork():
    drawn = []
    for _ in range(8):
        read, write = os.pipe()
        if os.fork() == 0:
            try: os.write(write, ssl.RAND_bytes(16).hex().encode())
            finally: os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe: drawn.append(pipe.read())
        os.wait()
        drawn.append(ssl.RAND_bytes(16).hex())
    return f'{len(set(drawn))} {set(map(len, drawn))}'

def thread():
    drawn = []
    def draw():
        for _ in range(100): drawn.append(ssl.RAND_bytes(16))
    threads = [threading.Thread(target=draw) for _ in range(8)]
    for each in threads: each.start()
    for each in threads: each.join()
    return len(set(drawn))

def draw(): return ssl.RAND_bytes(16).hex()

for line in sys.stdin:
    try: print(globals()[line.strip()](), flush=True)
    except ssl.SSLError as error: print('failed:', error, flush=True)
`;

testWith(python, 'python3: TLS, forks, threads, a restart', async (t, python) => {
  const host = await Host.start(t);
  const { certificate, key } = makeCertificate(host.folder, 'python');
  const program = new Conversation(host.start([python, '-c', session, certificate, key]));
  const atWork = async () => {
    const before = await host.served();
    t.match(await program.say('handshake'), /^TLSv1\.3 /);
    t.match(await program.say('draw'), /^[0-9a-f]{32}$/);
    t.ok((await host.served()) - before >= 64, 'the daemon served it');
  };
  await atWork();
  t.equal(await program.say('fork'), '16 {32}', 'parent and children have bytes of their own');
  t.equal(await program.say('thread'), '800');
  await host.stopDaemon();
  t.equal(await program.say('draw'), 'failed: entropyd is not running');
  t.match(await program.say('handshake'), /^failed: /);
  await host.startDaemon();
  await atWork();
});

testWith(curl, 'curl: works, and makes no connection without the daemon', async (t, curl) => {
  const host = await Host.start(t);
  const fetch = await serveTls(t, host);
  const { stdout } = await host.draws(64, curl, fetch);
  t.equal(stdout, 'hello\n');
  await host.stopDaemon();
  t.match(await host.run(curl, fetch), { status: 35, stdout: '' }, 'CURLE_SSL_CONNECT_ERROR');
  await host.startDaemon();
  await host.draws(64, curl, fetch);
});
