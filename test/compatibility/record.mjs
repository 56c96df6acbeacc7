/**
 * Records what a release promises, for the tests of compatibility: once for each release, from a built
 * checkout of it (npm ci). It writes test/vectors/releases/VERSION/. As root, so that the daemon
 * answers administrators' methods.
 *   node test/compatibility/record.mjs FOLDER COMMIT
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Packr } from 'msgpackr';
import { rolldown } from 'rolldown';
import { namesOf } from './names.mjs';

const [from, commit] = process.argv.slice(2);
if (from === undefined || commit === undefined) throw new Error('usage: record.mjs FOLDER COMMIT');
const folder = resolve(from);
const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
const meta = { version, commit, made: 'by test/compatibility/record.mjs' };
const to = fileURLToPath(new URL(`../vectors/releases/${version}/`, import.meta.url));

const requests = [
  [0, 1, 'random', [32]],
  [0, 2, 'random', [300]],
  [0, 3, 'random', [16, { predictionResistance: true }]],
  [0, 4, 'health', []],
  [0, 5, 'status', []],
  [0, 6, 'version', []],
  [0, 7, 'metrics', []],
  [0, 8, 'selftest', []],
  [0, 9, 'reseed', []],
  [0, 10, 'noise', ['getrandom', 16]],
  [0, 11, 'random', [0]],
  [0, 12, 'random', [1, { unknown: true }]],
  [0, 13, 'history', []],
];

/** The daemon's answers, each as hexadecimal bytes. */
async function conversation() {
  const packr = new Packr({ useRecords: false });
  const work = mkdtempSync(join(tmpdir(), 'record-'));
  const path = join(work, 'sock');
  const args = [join(folder, 'dist/entropyd.js'), '--socket', path];
  const daemon = spawn(process.execPath, args, { stdio: 'ignore' });
  try {
    while (!existsSync(path)) {
      if (daemon.exitCode !== null) throw new Error(`the daemon ended with ${daemon.exitCode}`);
      await setTimeout(100);
    }
    const socket = connect(path);
    const answers = [];
    for (const request of requests) {
      socket.write(packr.pack(request));
      let received = Buffer.alloc(0);
      for (let whole = false; !whole; ) {
        received = Buffer.concat([received, (await once(socket, 'data'))[0]]);
        try {
          packr.unpack(received);
          whole = true;
        } catch {
          // The rest is still to come.
        }
      }
      answers.push({ request, answer: received.toString('hex') });
    }
    socket.destroy();
    return { meta, answers };
  } finally {
    daemon.kill();
    rmSync(work, { recursive: true });
  }
}

/** The client library in one file, without the packages that it imports. */
async function client() {
  const bundle = await rolldown({
    input: join(folder, 'src/index.ts'),
    cwd: folder,
    platform: 'node',
    external: /^[^./]/,
    transform: { target: 'node20' },
  });
  const { output } = await bundle.generate({
    format: 'esm',
    codeSplitting: false,
    comments: { legal: true, annotation: false, jsdoc: false },
    banner: `// The client library of entropyd ${version}, commit ${commit}.`,
  });
  return output[0].code;
}

/** JSON with a line for each element of the outer members. */
function written(members) {
  const parts = Object.entries(members).map(([name, value]) => {
    const [open, close] = Array.isArray(value) ? '[]' : '{}';
    const inner = Array.isArray(value)
      ? value.map((each) => JSON.stringify(each))
      : Object.entries(value).map(
          ([key, each]) => `${JSON.stringify(key)}: ${JSON.stringify(each)}`,
        );
    return `"${name}": ${open}\n  ${inner.join(',\n  ')}\n${close}`;
  });
  return `{\n${parts.join(',\n')}\n}\n`;
}

mkdirSync(to, { recursive: true });
writeFileSync(join(to, 'names.json'), written({ meta, ...(await namesOf(folder)) }));
writeFileSync(join(to, 'answers.json'), written(await conversation()));
writeFileSync(join(to, 'client.mjs'), await client());
