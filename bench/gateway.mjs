/** AWS KMS GenerateRandom over HTTP, compared with bare node:http, and with moto if it is installed. */
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
const body = '{"NumberOfBytes": 32}';

const shapes = [
  { connections: 1, inFlight: 1 },
  { connections: 16, inFlight: 1 },
];

/** Target ratios: to bare node:http at 16 connections, and to moto. */
const goals = { bare: 0.5, moto: 10 };

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

/** A signed request, valid for five minutes. */
async function signedRequest() {
  const signer = new SignatureV4({
    service: 'kms',
    region: 'eu-central-1',
    credentials,
    sha256: Sha256,
  });
  return signer.sign({
    method: 'POST',
    protocol: 'http:',
    hostname: 'localhost',
    path: '/',
    headers: {
      host: 'localhost',
      'content-type': 'application/x-amz-json-1.1',
      'content-length': String(body.length),
      'x-amz-target': 'TrentService.GenerateRandom',
    },
    body,
  });
}

/** The request as bytes, and the size of a server's response to it, which never changes. */
async function requestOf(server, { headers }) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const text = Buffer.from(`POST / HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
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

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** The gateway with one key, on a Unix socket and on a port. Its daemon runs on the other core. */
function gateway({ folder }, port) {
  const file = join(folder, 'credentials.toml');
  writeFileSync(
    file,
    `[[key]]\nname = "bench"\naccess_key = "${credentials.accessKeyId}"\nsecret_key = "${credentials.secretAccessKey}"\n`,
    { mode: 0o600 },
  );
  return (_, path) => [
    ...[process.execPath, program, 'gateway', '--socket', join(folder, 'entropyd.sock')],
    ...['--listen', `unix:${path}`, '--listen', `127.0.0.1:${port}`, '--credentials', file],
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
    body,
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
async function warmUp(bench, { bareHttp, gateway }, signed) {
  for (const server of [bareHttp, gateway]) {
    const request = await requestOf(server, signed);
    for (let i = 0; i < warmUpRounds; i++) await load(bench, server, request, { connections: 16 });
  }
}

export default async function benchGateway(bench) {
  const port = await freePort();
  const programs = { entropyd, bareHttp, gateway: gateway(bench, port) };
  await withServers(bench, programs, async (servers) => {
    const rows = [];
    const signed = await signedRequest();
    await warmUp(bench, servers, signed);
    for (const shape of shapes) {
      const requests = {
        bareHttp: await requestOf(servers.bareHttp, signed),
        gateway: await requestOf(servers.gateway, signed),
      };
      const median = await interleave(bench.rounds, {
        bareHttp: () => load(bench, servers.bareHttp, requests.bareHttp, shape),
        gateway: () => load(bench, servers.gateway, requests.gateway, shape),
      });
      const ratio = median(({ gateway, bareHttp }) => gateway.rate / bareHttp.rate);
      for (const [key, name] of [
        ['bareHttp', 'bare node:http'],
        ['gateway', 'entropyd gateway'],
      ])
        rows.push([
          String(shape.connections),
          name,
          median((result) => result[key].rate),
          median((result) => result[key].cpuNs),
          key === 'bareHttp'
            ? ''
            : shape.connections > 1
              ? atLeast(ratio, goals.bare)
              : figure(ratio),
        ]);
    }
    printTable(
      'GenerateRandom, 32 bytes, signed, on a Unix socket with keep-alive; daemon and gateway on one core',
      ['connections', 'server', 'requests/s', 'CPU ns/request', 'of bare node:http'],
      rows,
    );
    await benchMoto(bench, port, signed);
  });
}
