/** The servers compared: their command lines for a socket path, and their requests. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { compile } from './native.mjs';
import { connectTo, exchange } from './servers.mjs';

const file = (path) => fileURLToPath(new URL(path, import.meta.url));

export const entropyd = (_, path) => [
  process.execPath,
  file('../dist/entropyd.js'),
  '--socket',
  path,
];

/** The daemon's server alone. @param way `polled`, or `plain`: by node:net alone */
export const server = (way) => (_, path) => [
  process.execPath,
  file('programs/server.mjs'),
  path,
  way,
];

export const echo = (bench, path) => [compile(bench, 'echo'), path];

export const cBulk = (bench, path) => [compile(bench, 'bulk', '-lcrypto'), path];

/** Bare Node with a socket; it answers any input with one byte. */
export const bareNode = (_, path) => [
  process.execPath,
  '-e',
  `require('node:net').createServer((socket) => socket.on('data', () => socket.write('x')))
    .listen(process.argv[1])`,
  path,
];

export const redis = ({ folder }, path) => [
  ...['redis-server', '--unixsocket', path, '--dir', folder, '--port', '0'],
  ...['--save', '', '--appendonly', 'no', '--loglevel', 'warning'],
];

const redisValueSize = 32;

/** Stores the value that `redisGet` reads. */
export async function storeValue({ path }) {
  const socket = await connectTo(path);
  const head = Buffer.from(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${redisValueSize}\r\n`);
  await exchange(socket, Buffer.concat([head, randomBytes(redisValueSize), Buffer.from('\r\n')]));
  socket.destroy();
}

export const redisGet = {
  hex: Buffer.from('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n').toString('hex'),
  answerSize: `$${redisValueSize}\r\n`.length + redisValueSize + '\r\n'.length,
};

const hex = (value, size) => value.toString(16).padStart(2 * size, '0');

/** An unsigned integer in MessagePack. */
function packed(value) {
  if (value < 0x80) return hex(value, 1);
  return value < 0x10000 ? `cd${hex(value, 2)}` : `ce${hex(value, 4)}`;
}

/** `[0, 1, "random", [size]]`; the response's header is 8 bytes followed by bin 8, bin 16 or bin 32. */
export const random = (size) => ({
  hex: `940001a672616e646f6d91${packed(size)}`,
  answerSize: 8 + (size < 0x100 ? 2 : size < 0x10000 ? 3 : 5) + size,
});

/** For `echo`, whose response is the request itself. */
export const echoRequest = { hex: random(32).hex, answerSize: random(32).hex.length / 2 };

/** `[0, 1, "random", [32, {"predictionResistance": true}]]` */
export const freshRandom = {
  hex: `940001a672616e646f6d922081b4${Buffer.from('predictionResistance').toString('hex')}c3`,
  answerSize: random(32).answerSize,
};

/** A request for `cBulk`. */
export const cBulkRequest = (size) => ({ hex: hex(size, 4), answerSize: size });
