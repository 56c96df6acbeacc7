/** The servers that are compared, each in a process of its own on a private Unix socket. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const daemonProgram = fileURLToPath(new URL('../dist/entropyd.js', import.meta.url));

/** `[0, 1, "random", [32]]` and the size of its answer with a header of 10 bytes. */
const randomRequest = '940001a672616e646f6d9120';
const randomAnswerSize = 42;

/** GET of a value of 32 bytes under the key `k`. */
const redisRequest = Buffer.from('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n').toString('hex');
const redisAnswerSize = '$32\r\n'.length + 32 + '\r\n'.length;

function connectTo(path) {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** CPU time that a process has used, nanoseconds. */
function cpuNs(pid) {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ', 1)[0]);
}

async function start(name, path, command, args, load) {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  for (let tries = 0; ; tries++) {
    try {
      (await connectTo(path)).destroy();
      break;
    } catch (error) {
      if (tries === 100 || child.exitCode !== null)
        throw new Error(`${name} did not start`, { cause: error });
      await setTimeout(50);
    }
  }
  return {
    name,
    path,
    ...load,
    cpuNs: () => cpuNs(child.pid),
    stop: () =>
      new Promise((resolve) => {
        child.once('exit', resolve);
        child.kill('SIGTERM');
      }),
  };
}

/**
 * Starts entropyd, the C echo and Redis.
 * @param folder where the sockets and the compiled programs are
 * @param core all servers run on this processor
 */
export async function startPeers(folder, core) {
  const pin = (command, ...args) => ['taskset', ['-c', String(core), command, ...args]];
  const at = (name) => join(folder, `${name}.sock`);
  const redisOptions = ['--port', '0', '--save', '', '--appendonly', 'no', '--loglevel', 'warning'];
  const peers = [
    await start('C echo', at('echo'), ...pin(join(folder, 'echo'), at('echo')), {
      request: randomRequest,
      answerSize: randomRequest.length / 2,
    }),
    await start(
      'Redis GET',
      at('redis'),
      ...pin('redis-server', '--unixsocket', at('redis'), '--dir', folder, ...redisOptions),
      { request: redisRequest, answerSize: redisAnswerSize },
    ),
    await start(
      'entropyd',
      at('entropyd'),
      ...pin(process.execPath, daemonProgram, '--socket', at('entropyd')),
      { request: randomRequest, answerSize: randomAnswerSize },
    ),
  ];
  const redis = await connectTo(at('redis'));
  redis.write(
    Buffer.concat([
      Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$32\r\n'),
      randomBytes(32),
      Buffer.from('\r\n'),
    ]),
  );
  await new Promise((resolve) => redis.once('data', resolve));
  redis.destroy();
  return peers;
}
