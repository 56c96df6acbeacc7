/**
 * The gateway's APIs compared with bare node:http, gRPC with bare node:http2 if h2load is installed,
 * GenerateRandom also with moto if that is, and two workers with one.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SignatureV4 } from '@smithy/signature-v4';
import { interleave, load, runPinned } from './measure.mjs';
import { entropyd } from './peers.mjs';
import { exchange, withServers } from './servers.mjs';
import { atLeast, figure, printTable } from './table.mjs';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const program = file('../dist/entropyd.js');
const client = file('programs/http-calls.mjs');

const credentials = { accessKeyId: 'AKIDBENCH', secretAccessKey: 'bench' };
const token = 'bench';
const json = { 'content-type': 'application/json' };

export const generateRandom = {
  service: 'kms',
  target: 'TrentService.GenerateRandom',
  body: '{"NumberOfBytes": 32}',
};

/** The other HTTP/1.1 APIs whose answers always have the same size; Google's has a checksum in digits. */
const others = {
  GetRandomPassword: {
    service: 'secretsmanager',
    target: 'secretsmanager.GetRandomPassword',
    body: '{"PasswordLength": 32, "ExcludePunctuation": true}',
  },
  'gen-random': {
    path: '/v1.0/project/kms/gen-random',
    headers: { ...json, 'x-auth-token': token },
    body: '{"random_data_length": "512"}',
  },
  Vault: { path: '/v1/sys/tools/random/32', headers: { 'x-vault-token': token }, body: '' },
  Azure: {
    path: '/rng?api-version=2025-07-01',
    headers: { ...json, authorization: `Bearer ${token}` },
    body: '{"count": 32}',
  },
};

const shapes = [
  { connections: 1, inFlight: 1 },
  { connections: 16, inFlight: 1 },
];

/** Target ratios: to bare node:http at 16 connections, to bare node:http2, to moto, to one worker. */
const goals = { bare: 0.65, grpc: 0.5, moto: 10, workers: 1.6 };

/** Rounds of 300 ms each. */
const warmUpRounds = 10;

const motoStartMs = 20_000;

/** SHA-256, or HMAC with a key, as @smithy/signature-v4 takes them. */
class Sha256 {
  constructor(key) {
    this.hash = key === undefined ? createHash('sha256') : createHmac('sha256', key);
  }
  update(data) {
    this.hash.update(data);
  }
  async digest() {
    return this.hash.digest();
  }
}

/** What to send: as it is, or signed as AWS's clients do, which is valid for five minutes. */
export async function ready({ service, target, path = '/', headers = {}, body }) {
  const host = { host: 'localhost', 'content-length': String(body.length) };
  if (service === undefined) return { path, headers: { ...host, ...headers }, body };
  const signer = new SignatureV4({
    service,
    region: 'eu-central-1',
    credentials,
    sha256: Sha256,
  });
  const aws = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
  const request = { method: 'POST', protocol: 'http:', hostname: 'localhost', path, body };
  return signer.sign({ ...request, headers: { ...host, ...aws } });
}

/** The request as bytes, and the size of a server's response to it, which never changes. */
export async function requestOf(server, { path, headers, body }) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const text = Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  const socket = await server.connect();
  const answer = await exchange(socket, text);
  socket.destroy();
  if (!answer.toString().startsWith('HTTP/1.1 200 ')) throw new Error(`${answer}`);
  return { hex: text.toString('hex'), answerSize: answer.length };
}

/** Reads a request, sends the gateway's response, and does nothing else. */
const bareHttp = (_, path) => [
  process.execPath,
  '-e',
  `const answer = JSON.stringify({ Plaintext: Buffer.alloc(32).toString('base64') });
   require('node:http').createServer((request, response) => {
     request.resume();
     request.on('end', () => response.writeHead(200, {
       'Content-Type': 'application/x-amz-json-1.1',
       'x-amzn-RequestId': '00000000-0000-0000-0000-000000000000',
       'Content-Length': answer.length }).end(answer));
   }).listen(process.argv[1])`,
  path,
];

/**
 * The same in the gateway's manner: it keeps the body, gives its input to node:http by a listener, as
 * fairness between connections needs, and sends all of the gateway's header fields. What is left
 * between this one and the gateway is what it does for a request.
 */
const bareAlike = (_, path) => [
  process.execPath,
  '-e',
  `const answer = Buffer.from(JSON.stringify({ Plaintext: Buffer.alloc(32).toString('base64') }));
   const { randomUUID } = require('node:crypto');
   require('node:http').createServer((request, response) => {
     const body = [];
     request.on('data', (part) => body.push(part));
     request.on('end', () => {
       Buffer.concat(body);
       response.writeHead(200, [
         'Content-Type', 'application/x-amz-json-1.1', 'x-amzn-RequestId', randomUUID(),
         'Server', 'bare', 'Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff',
         'Content-Length', String(answer.length)]).end(answer);
     });
   }).on('connection', (socket) => {
     const [parse] = socket.listeners('data');
     socket.removeAllListeners('data').on('data', (input) => parse.call(socket, input));
   }).listen(process.argv[1])`,
  path,
];

/** The same over HTTP/2, in the form of gRPC. */
const bareHttp2 = (_, path) => [
  process.execPath,
  '-e',
  `const answer = Buffer.alloc(46);
   require('node:http2').createServer().on('stream', (stream) => {
     stream.resume();
     stream.on('end', () => {
       stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
       stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
       stream.end(answer);
     });
   }).listen(process.argv[1])`,
  path,
];

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** The gateway with a number of keys and a token, on a Unix socket and on a port. */
export function gateway({ folder }, port, { workers = 1, keys = 1 } = {}) {
  const secrets = join(folder, `credentials-${keys}.toml`);
  const others = Array.from(
    { length: keys - 1 },
    (_, i) => `[[key]]\nname = "${i}"\naccess_key = "AKID${i}"\nsecret_key = "secret ${i}"\n`,
  );
  writeFileSync(
    secrets,
    `${others.join('')}[[key]]\nname = "bench"\naccess_key = "${credentials.accessKeyId}"\n` +
      `secret_key = "${credentials.secretAccessKey}"\n[[token]]\nname = "token"\ntoken = "${token}"\n`,
    { mode: 0o600 },
  );
  const config = join(folder, `${workers}.toml`);
  writeFileSync(config, `[gateway]\nworkers = ${workers}\n`);
  return (_, path) => [
    ...[process.execPath, program, 'gateway', '--config', config, '--socket'],
    ...[join(folder, 'entropyd.sock'), '--listen', `unix:${path}`],
    ...['--listen', `127.0.0.1:${port}`, '--credentials', secrets],
  ];
}

/** Calls per second of a Node client that keeps connections alive if the server does. */
async function callsPerSecond(bench, port, request) {
  const { stdout } = await runPinned(
    bench,
    process.execPath,
    client,
    port,
    JSON.stringify(request.headers),
    request.body,
  );
  return Number(stdout);
}

async function benchMoto(bench, gatewayPort, request) {
  if (spawnSync('python3', ['-c', 'import moto.server']).status !== 0) {
    console.log('moto: not measured, it is not installed');
    return;
  }
  // The client is slower than the gateway, so it has its own core.
  const clients = { ...bench, core: 0 };
  const port = await freePort();
  const moto = spawn(
    'taskset',
    ['-c', String(bench.core), 'python3', '-m', 'moto.server', '-p', String(port)],
    {
      stdio: 'ignore',
    },
  );
  const exited = once(moto, 'exit');
  try {
    const deadline = performance.now() + motoStartMs;
    while (performance.now() < deadline)
      try {
        await callsPerSecond(clients, port, request);
        break;
      } catch {
        await setTimeout(100);
      }
    const median = await interleave(bench.rounds, {
      moto: () => callsPerSecond(clients, port, request),
      entropyd: () => callsPerSecond(clients, gatewayPort, request),
    });
    const ratio = median(({ entropyd, moto }) => entropyd / moto);
    console.log(
      `moto, 16 calls in flight: ${figure(median(({ moto }) => moto))} requests/s; ` +
        `entropyd ${figure(median(({ entropyd }) => entropyd))}, ${atLeast(ratio, goals.moto)} times as many`,
    );
  } finally {
    moto.kill();
    await exited;
  }
}

/** Warms up the JIT: a request runs through about a thousand functions. */
export async function warmUp(bench, servers, signed) {
  for (const server of servers) {
    const request = await requestOf(server, signed);
    for (let i = 0; i < warmUpRounds; i++) await load(bench, server, request, { connections: 16 });
  }
}

/** A request to the gateway and to the bare servers, in one row each. */
async function compare(bench, { bareHttp, bareAlike, gateway }, [name, request], shape) {
  const servers = { bareHttp, bareAlike, gateway };
  const measures = {};
  for (const [key, server] of Object.entries(servers)) {
    const made = await requestOf(server, request);
    measures[key] = () => load(bench, server, made, shape);
  }
  const median = await interleave(bench.rounds, measures);
  const names = { bareHttp: 'bare node:http', bareAlike: 'the same, alike', gateway: name };
  return Object.entries(names).map(([key, label]) => {
    const ratio = median((result) => result[key].rate / result.bareHttp.rate);
    const isGoal = key === 'gateway' && shape.connections > 1;
    return [
      label,
      String(shape.connections),
      median((result) => result[key].rate),
      median((result) => result[key].cpuNs),
      isGoal ? atLeast(ratio, goals.bare) : figure(ratio),
    ];
  });
}

/** Requests per second of 16 connections with 16 streams each. @param body a gRPC message as a file */
async function streamsPerSecond(bench, { path }, body) {
  const { stdout } = await runPinned(
    bench,
    ...['h2load', '-n', 20_000, '-c', 16, '-m', 16, '-d', body, '-B', `unix:${path}`],
    ...['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
    ...['-H', `authorization: Bearer ${token}`],
    'http://localhost/google.cloud.kms.v1.KeyManagementService/GenerateRandomBytes',
  );
  const rate = /finished in .*, ([\d.]+) req\/s/.exec(stdout)?.[1];
  if (rate === undefined || !stdout.includes(' 20000 2xx,')) throw new Error(stdout);
  return Number(rate);
}

async function benchGrpc(bench, { bareHttp2, gateway }) {
  if (spawnSync('h2load', ['--version']).error !== undefined) {
    console.log('gRPC: not measured, h2load (of nghttp2) is not installed');
    return;
  }
  const body = join(bench.folder, 'grpc');
  const location = 'projects/p/locations/l';
  // GenerateRandomBytesRequest: location, length_bytes 32, protection_level HSM.
  const message = Buffer.from(
    `\x0a${String.fromCharCode(location.length)}${location}\x10\x20\x18\x02`,
  );
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  writeFileSync(body, Buffer.concat([prefix, message]));
  for (const server of [bareHttp2, gateway]) await streamsPerSecond(bench, server, body);
  const median = await interleave(bench.rounds, {
    bare: () => streamsPerSecond(bench, bareHttp2, body),
    gateway: () => streamsPerSecond(bench, gateway, body),
  });
  const ratio = median(({ bare, gateway }) => gateway / bare);
  console.log(
    `gRPC, 16 connections with 16 streams each: ${figure(median(({ gateway }) => gateway))} requests/s; ` +
      `bare node:http2 ${figure(median(({ bare }) => bare))}, ratio ${atLeast(ratio, goals.grpc)}`,
  );
}

/** Two workers on two cores, compared with one on one core; daemon and load are on either. */
async function benchWorkers(bench, signed) {
  const cores = `${Math.max(0, bench.core - 1)},${bench.core}`;
  const wide = { ...bench, core: cores };
  const [one, two] = [await freePort(), await freePort()];
  await withServers(
    wide,
    { entropyd, gateway2: gateway(bench, two, { workers: 2 }) },
    async ({ gateway2 }) =>
      withServers(bench, { gateway1: gateway(bench, one) }, async ({ gateway1 }) => {
        await warmUp(wide, [gateway1, gateway2], signed);
        const [request1, request2] = [
          await requestOf(gateway1, signed),
          await requestOf(gateway2, signed),
        ];
        const shape = { connections: 64 };
        const median = await interleave(bench.rounds, {
          one: () => load(wide, gateway1, request1, shape),
          two: () => load(wide, gateway2, request2, shape),
        });
        const ratio = median(({ one, two }) => two.rate / one.rate);
        console.log(
          `two workers on two cores: ${figure(median(({ two }) => two.rate))} requests/s; ` +
            `one ${figure(median(({ one }) => one.rate))}, ratio ${atLeast(ratio, goals.workers)}`,
        );
      }),
  );
}

export default async function benchGateway(bench) {
  const port = await freePort();
  const programs = { entropyd, bareHttp, bareAlike, bareHttp2, gateway: gateway(bench, port) };
  const signed = await ready(generateRandom);
  await withServers(bench, programs, async (servers) => {
    await warmUp(bench, [servers.bareHttp, servers.bareAlike, servers.gateway], signed);
    const rows = [];
    for (const shape of shapes)
      rows.push(...(await compare(bench, servers, ['GenerateRandom', signed], shape)));
    for (const [name, request] of Object.entries(others)) {
      const other = await ready(request);
      await warmUp(bench, [servers.gateway], other);
      rows.push(...(await compare(bench, servers, [name, other], { connections: 16 })));
    }
    printTable(
      '32 bytes, signed or with a token, on a Unix socket with keep-alive; daemon and gateway on one core',
      ['API', 'connections', 'requests/s', 'CPU ns/request', 'of bare node:http'],
      rows,
    );
    await benchGrpc(bench, servers);
    await benchMoto(bench, port, signed);
  });
  await benchWorkers(bench, signed);
}
