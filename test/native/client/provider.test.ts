/**
 * The OpenSSL provider in the OpenSSL of Node: bytes, failures, a restart, threads. test/system/host has
 * it in Debian's OpenSSL and in the programs that use that.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { connect } from '../../../src/client/client.js';
import { Conversation } from '../../support/conversation.js';
import { untilAnswers } from '../../support/daemon.js';
import { freePath, temporaryFolder } from '../../support/paths.js';
import { built, environment, Program, startDaemonProgram } from '../../support/program.js';
import { host, root } from './program.js';

const provider = join(host, 'entropyd.so');
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: 'utf8' });

/** Obeys a line at a time: what it says is the value of the line, or its error. */
const script = `
  const crypto = require('node:crypto')
  const { Worker } = require('node:worker_threads')
  const answer = (value) => console.log(JSON.stringify(value))
  require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) => {
    try { answer({ value: await eval(line) }) } catch ({ message }) { answer({ error: message }) }
  })
`;

/** A Node whose OpenSSL has the example as its configuration. */
class NodeWithProvider extends Conversation {
  constructor(t: Test, socketPath: string, modules = host) {
    const configuration = join(root, 'native/client/openssl.cnf');
    const options = [`--openssl-config=${configuration}`, '--openssl-shared-config'];
    super(
      new Program(t, [...options, '-e', script], {
        env: { ...environment, ENTROPYD_SOCKET: socketPath, OPENSSL_MODULES: modules },
        stdio: ['pipe', 'pipe', 'pipe'],
      }),
    );
  }

  /** The value of a script's expression, or `{ error }`. */
  async eval(expression: string): Promise<unknown> {
    const { value, error } = JSON.parse(await this.say(expression.replaceAll(/\s+/g, ' ')));
    return error === undefined ? value : { error };
  }
}

/** Needs random bytes, and fails without: crypto.randomBytes tries until there are some. */
const makeKey = `crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.asymmetricKeyType`;

async function bytesServed(socketPath: string): Promise<number> {
  const client = connect({ socketPath });
  try {
    return (await client.status()).randomBytes;
  } finally {
    await client.close();
  }
}

t.test('the module exports its entry, needs libc only, and is hardened', async (t) => {
  const exported = run('nm', '-D', '--defined-only', provider).trim().split('\n');
  t.strictSame(
    exported.map((line) => line.split(' ').at(-1)),
    ['OSSL_provider_init'],
  );
  const dynamic = run('readelf', '-Wd', provider);
  t.strictSame(
    [...dynamic.matchAll(/NEEDED\).*\[(.*)\]/g)].map(([, name]) => name),
    ['libc.so.6'],
    'no OpenSSL: it is given to the module',
  );
  t.match(dynamic, /FLAGS_1\).*NOW/);
  t.notMatch(dynamic, /TEXTREL|RPATH|RUNPATH/);
  const segments = run('readelf', '-Wl', provider);
  t.match(segments, /GNU_RELRO/);
  t.match(segments, /GNU_STACK.* RW +0x/);
  const text = readFileSync(provider, 'latin1');
  t.notMatch(text, new RegExp(`${root}native`), 'no path of this machine');
  t.notMatch(
    run('nm', '-D', '--undefined-only', provider),
    /\b(?:abort|_?exit|__assert_fail|perror|f?printf|puts|write|signal|sigaction|malloc)\b/,
  );
});

t.test('what OpenSSL draws is drawn from the daemon', async (t) => {
  const { path } = await startDaemonProgram(t);
  const node = new NodeWithProvider(t, path);
  t.match(await node.eval(`crypto.randomBytes(32).toString('hex')`), /^[0-9a-f]{64}$/);
  const before = await bytesServed(path);
  for (const size of [1, 32, 65_536, 1_048_577, 3_000_000])
    t.equal(
      await node.eval(
        `(() => { const all = crypto.randomBytes(${size}); return all.length - (all.length > 64 && all.subarray(-64).every((byte) => byte === 0)) })()`,
      ),
      size,
      'filled to its end',
    );
  const drawn = 1 + 32 + 65_536 + 1_048_577 + 3_000_000;
  t.ok((await bytesServed(path)) - before >= drawn, 'the counter of the daemon rises');
  t.equal(await node.eval(makeKey), 'ec');
});

t.test('without the daemon or the module there is no random byte', async (t) => {
  const { path } = await startDaemonProgram(t);
  const empty = temporaryFolder();
  const startsNot = async (socketPath: string, modules?: string) => {
    const { status, stdout, stderr } = await new NodeWithProvider(t, socketPath, modules).program
      .ended;
    t.not(status, 0, 'Node does not start');
    t.equal(stdout, '');
    t.match(stderr, 'CSPRNG');
  };
  await startsNot(freePath());
  await startsNot(path, empty);
  writeFileSync(join(empty, 'entropyd.so'), 'not a module');
  await startsNot(path, empty);
});

t.test('a program survives the loss of the daemon, and goes on when it is back', async (t) => {
  const daemon = await startDaemonProgram(t);
  const node = new NodeWithProvider(t, daemon.path);
  t.equal(await node.eval(makeKey), 'ec');
  await daemon.kill('SIGKILL');
  for (let i = 0; i < 3; i++)
    t.match(await node.eval(makeKey), { error: /entropyd|generate|ENTROPYD|random/i });
  new Program(t, [built('entropyd'), '--socket', daemon.path]);
  await untilAnswers(daemon.path);
  t.equal(await node.eval(makeKey), 'ec');
});

t.test('threads draw at the same time', async (t) => {
  const { path } = await startDaemonProgram(t);
  const node = new NodeWithProvider(t, path);
  const draws = 500;
  const threads = 4;
  const worker = `
    const { randomBytes } = require('node:crypto')
    const all = Array.from({ length: ${draws} }, () => randomBytes(16).toString('hex'))
    require('node:worker_threads').parentPort.postMessage(all)`;
  const distinct = await node.eval(`
    Promise.all(Array.from({ length: ${threads} }, () => new Promise((resolve, reject) =>
      new Worker(${JSON.stringify(worker)}, { eval: true }).on('message', resolve).on('error', reject))))
      .then((all) => new Set(all.flat()).size)`);
  t.equal(distinct, draws * threads);
});
