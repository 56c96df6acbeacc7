import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import t from 'tap';
import type { Addon } from '../../src/common/package.js';
import { temporaryFolder } from '../support/paths.js';

/** Takes a few seconds. */
const calls = 5000;
/** Ends a process that hangs. */
const limitMs = 120_000;

/** sanitizers.sh passes an instrumented build of the same sources. */
const root = join(import.meta.dirname, '../..');
const addonPath = process.env.ENTROPYD_ADDON ?? join(root, 'build/Release/entropyd.node');

t.test('a device is refused whose credit no seed can be gathered from', async (t) => {
  const addon = createRequire(import.meta.url)(addonPath) as Addon;
  const usual = { profile: 'default', reseedRequests: 4096, reseedSeconds: 300 } as const;
  const device = { name: 'x', path: '/nonexistent', testedBitsPerByte: 7, creditedBitsPerByte: 0 };
  for (const changed of [
    { creditedBitsPerByte: 1e-9 },
    { creditedBitsPerByte: 7.5 },
    { creditedBitsPerByte: -1 },
    { creditedBitsPerByte: Number.NaN },
    { testedBitsPerByte: 0 },
    { testedBitsPerByte: 8.5 },
    { testedBitsPerByte: Number.NaN },
  ]) {
    const options = { ...usual, devices: [{ ...device, ...changed }] };
    const create = () =>
      new addon.Generator(
        options,
        () => {},
        () => {},
      );
    t.throws(create, { name: 'RangeError', message: /^x \(\/nonexistent\): bits per byte: / });
  }
});

t.test('whatever the addon is called with, it throws or works, within its range', async (t) => {
  const seed = randomInt(2 ** 31);
  t.comment(`seed ${seed}`);
  const trace = join(temporaryFolder(), 'trace');
  const script = [
    ...['--import=./test/support/typescript.mjs', '--no-deprecation'],
    ...['test/native/fuzz_arguments.ts', addonPath, `${seed}`, `${calls}`],
  ];
  // A process of its own: harden() is for good, and a fault would end it.
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [...script, trace], {
    cwd: root,
    timeout: limitMs,
    encoding: 'utf8',
  });
  const last = () => readFileSync(trace, 'utf8').trim();
  if (status !== 0)
    t.fail(
      `ended with ${status ?? signal} in ${last()}\nrepeat it: node ${script.join(' ')} /dev/stderr\n${stderr.slice(-4000)}`,
    );
  const counts: Record<string, [worked: number, thrown: number]> = JSON.parse(stdout || '{}');
  const both = ['generate', 'generateResistant', 'mix', 'respond', 'wipe', 'send'];
  for (const name of [...both, 'Poller.open', 'Poller.poll', 'new Generator', 'new Poller'])
    t.ok(
      (counts[name] ?? []).every((count) => count > 0),
      `${name}: worked and thrown`,
    );
});
