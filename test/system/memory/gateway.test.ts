/** What stays in the memory of daemon and gateway after the answers have been read. Takes root. */
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { request as secureRequest, Agent as TlsAgent } from 'node:https';
import { connect, type NetConnectOpts } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { makeCertificate } from '../../support/certificates.js';
import { writePrivate } from '../../support/credentials.js';
import { freePath, freePort, temporaryFolder } from '../../support/paths.js';
import { built, Program, startDaemonProgram } from '../../support/program.js';

const skip = process.geteuid?.() === 0 ? false : 'only root reads the memory of these programs';

/** Bytes of a piece of an answer: 16 characters of base64. */
const pieceSize = 12;

/** Pieces of each answer, spread evenly, and requests of each kind. */
const piecesOfEach = 64;
const rounds = 10;

/** The members of all APIs' answers. */
interface Answer {
  readonly random_data?: string;
  /** Vault's, or Google's. */
  readonly data?: { readonly random_bytes: string } | string;
  readonly value?: string;
}

const tokens = { 'x-auth-token': 'token-default', 'x-vault-token': 'token-default' };

/** Sizes have to differ: small arrays, and large ones, have memory of different kinds. */
const requests: readonly {
  readonly name: string;
  readonly path: string;
  readonly body: string;
  /** Default: the tokens. */
  readonly headers?: Readonly<Record<string, string>>;
  bytesOf(answer: Answer): Buffer;
}[] = [
  {
    name: '64 bytes of gen-random',
    path: '/v1.0/project/kms/gen-random',
    body: '{"random_data_length":"512"}',
    bytesOf: ({ random_data = '' }) => Buffer.from(random_data, 'hex'),
  },
  {
    name: '128 bytes of Managed HSM',
    path: '/rng?api-version=7.6',
    body: '{"count":128}',
    headers: { authorization: 'Bearer token-default' },
    bytesOf: ({ value = '' }) => Buffer.from(value, 'base64url'),
  },
  {
    name: '1024 bytes of Google Cloud KMS',
    path: '/v1/projects/p/locations/l:generateRandomBytes',
    body: '{"lengthBytes":1024,"protectionLevel":"HSM"}',
    headers: { authorization: 'Bearer token-default' },
    bytesOf: ({ data }) => Buffer.from(typeof data === 'string' ? data : '', 'base64'),
  },
  ...[32, 1024, 4096, 131_072].flatMap((bytes) =>
    (['base64', 'hex'] as const).map((format) => ({
      name: `${bytes} bytes of Vault in ${format}`,
      path: '/v1/sys/tools/random',
      body: JSON.stringify({ bytes, format }),
      bytesOf: ({ data }: Answer) =>
        Buffer.from(typeof data === 'object' ? data.random_bytes : '', format),
    })),
  ),
];

/** Each spelling of a piece by its first 8 characters, one a byte. */
class Pieces {
  readonly #byStart = new Map<string, { text: string; name: string }>();
  /** Whether a spelling begins with two given bytes. */
  readonly #starts = new Uint8Array(65_536);

  add(name: string, bytes: Buffer): void {
    const whole = Math.floor(bytes.length / pieceSize);
    const count = Math.min(whole, piecesOfEach);
    for (let i = 0; i < count; i++) {
      const at = Math.floor((i * whole) / count) * pieceSize;
      const piece = bytes.subarray(at, at + pieceSize);
      const hex = piece.toString('hex');
      for (const [form, text] of [
        ['raw', piece.toString('latin1')],
        ['base64', piece.toString('base64')],
        ['base64url', piece.toString('base64url')],
        ['hex', hex],
        ['hex', hex.toUpperCase()],
      ] as const) {
        this.#byStart.set(text.slice(0, 8), { text, name: `${name}: ${form}` });
        this.#starts[(text.charCodeAt(0) << 8) | text.charCodeAt(1)] = 1;
      }
    }
  }

  /** Counts the pieces in all writable memory of a process, by name and spelling. */
  countIn(pid: number): Record<string, number> {
    const counts: Record<string, number> = {};
    const memory = openSync(`/proc/${pid}/mem`, 'r');
    const buffer = Buffer.alloc(16 * 1024 * 1024);
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
      const end = Number.parseInt(to, 16);
      // Reads overlap by a piece's longest spelling.
      for (let at = Number.parseInt(from, 16); at < end; at += buffer.length - 2 * pieceSize)
        this.#count(buffer.subarray(0, readMemory(memory, buffer, at, end)), counts);
    }
    closeSync(memory);
    return counts;
  }

  #count(bytes: Buffer, counts: Record<string, number>): void {
    const all = bytes.toString('latin1');
    for (let i = 0; i + 8 <= bytes.length; i++) {
      if (this.#starts[((bytes[i] as number) << 8) | (bytes[i + 1] as number)] === 0) continue;
      const found = this.#byStart.get(all.slice(i, i + 8));
      if (found !== undefined && all.startsWith(found.text, i))
        counts[found.name] = (counts[found.name] ?? 0) + 1;
    }
  }
}

/** @returns bytes read; 0 for what cannot be, such as a guard page */
function readMemory(memory: number, buffer: Buffer, at: number, end: number): number {
  try {
    return readSync(memory, buffer, 0, Math.min(buffer.length, end - at), at);
  } catch {
    return 0;
  }
}

/** Asks for everything, `rounds` times over one connection. */
async function ask(pieces: Pieces, to: object, isTls: boolean): Promise<void> {
  const agent = isTls
    ? new TlsAgent({ keepAlive: true, maxSockets: 1 })
    : new Agent({ keepAlive: true, maxSockets: 1 });
  for (let i = 0; i < rounds; i++)
    for (const { name, path, body, headers = tokens, bytesOf } of requests) {
      const outgoing = (isTls ? secureRequest : request)({
        ...{ ...to, agent, method: 'POST', path, headers },
      });
      outgoing.end(body);
      const [incoming] = await once(outgoing, 'response');
      pieces.add(name, bytesOf(JSON.parse(await text(incoming))));
    }
  agent.destroy();
}

/** GenerateRandomBytes of 1024 bytes over gRPC: a frame of service.proto's three fields. */
const grpcName = '1024 bytes of Google Cloud KMS over gRPC';
const location = 'projects/p/locations/l';
const grpcMessage = Buffer.from([
  ...[0x0a, location.length, ...Buffer.from(location)],
  ...[0x10, 0x80, 0x08, 0x18, 0x02],
]);
const grpcBody = Buffer.concat([Buffer.from([0, 0, 0, 0, grpcMessage.length]), grpcMessage]);
/** Of the bytes in the answer: behind the frame's head, the field's tag and its size. */
const grpcAt = 5 + 1 + 2;

/** The same over one session of HTTP/2, and gRPC. */
async function askHttp2(pieces: Pieces, session: ClientHttp2Session): Promise<void> {
  const post = (path: string, headers: object, body: string | Buffer) => {
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    stream.end(body);
    return stream;
  };
  const grpc = { 'content-type': 'application/grpc', authorization: 'Bearer token-default' };
  const grpcPath = '/google.cloud.kms.v1.KeyManagementService/GenerateRandomBytes';
  for (let i = 0; i < rounds; i++) {
    for (const { name, path, body, headers = tokens, bytesOf } of requests)
      pieces.add(name, bytesOf(JSON.parse(await text(post(path, headers, body)))));
    const answer = await buffer(post(grpcPath, grpc, grpcBody));
    pieces.add(grpcName, answer.subarray(grpcAt, grpcAt + 1024));
  }
  session.close();
  await once(session, 'close');
}

async function start(t: Test, args: readonly string[]) {
  const daemon = await startDaemonProgram(t);
  const gateway = new Program(t, [built('entropyd'), 'gateway', '--socket', daemon.path, ...args]);
  await gateway.says('gateway listening');
  return { daemon, gateway };
}

t.test('no piece of an answer is left in gateway or daemon', { skip }, async (t) => {
  const socketPath = freePath();
  const { daemon, gateway } = await start(t, ['--listen', `unix:${socketPath}`]);
  const pieces = new Pieces();
  await ask(pieces, { socketPath }, false);
  const createConnection = () => connect({ path: socketPath } satisfies NetConnectOpts);
  await askHttp2(pieces, connectHttp2('http://localhost', { createConnection }));
  t.strictSame(pieces.countIn(gateway.child.pid as number), {});
  t.strictSame(pieces.countIn(daemon.child.pid as number), {});
  t.not(
    Object.keys(pieces.countIn(process.pid)).length,
    0,
    'this process has them: they are found',
  );
});

t.test('nor with TLS', { skip }, async (t) => {
  const folder = temporaryFolder();
  const { certificate, key, ca } = makeCertificate(folder, 'memory');
  const port = await freePort();
  const { gateway } = await start(t, [
    ...['--listen', `127.0.0.1:${port}`, '--tls-cert', certificate, '--tls-key', key],
    ...['--credentials', writePrivate(folder, 'memory.toml')],
  ]);
  const pieces = new Pieces();
  await ask(pieces, { host: '127.0.0.1', port, ca }, true);
  await askHttp2(pieces, connectHttp2(`https://127.0.0.1:${port}`, { ca }));
  t.strictSame(pieces.countIn(gateway.child.pid as number), {});
});
