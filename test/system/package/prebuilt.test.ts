/** The prebuilt addons: their processors, their requirements, and how they are made. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { temporaryFolder } from '../../support/paths.js';
import { environment, Program } from '../../support/program.js';
import { withTarball } from './tarball.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const source = join(root, 'native/prebuilt');
const folder = temporaryFolder();

/** e_machine of the ELF header, and its offset. */
const machines = { x64: 62, arm64: 183 } as const;
const machineOffset = 18;

/** The kernel refuses a thread: std::thread throws, and nobody catches. */
const refusedThread = `
  const { spawnSync } = require('node:child_process');
  const { Generator } = require(process.argv[1]);
  spawnSync('prlimit', ['--pid', String(process.pid), '--nproc=1', '--core=0']);
  process.setuid(65534);
  const devices = [{ name: 'x', path: '/dev/zero', testedBitsPerByte: 7, creditedBitsPerByte: 0 }];
  const options = { profile: 'default', reseedRequests: 4096, reseedSeconds: 300, devices };
  const generator = new Generator(options, () => {}, () => {});
  const lost = generator.snapshot().sources.filter(({ state }) => state === 'lost');
  console.log(lost.map(({ name, lastError }) => name + ' ' + lastError).join());
  console.log(generator.generate(new Uint8Array(32), 0, 32));`;

const catcher = `
  #include <cstdio>
  #include <stdexcept>
  __attribute__((noinline)) void fail(int count) {
    if (count == 1) throw std::runtime_error("caught");
  }
  int main(int count, char**) {
    try { fail(count); } catch (const std::runtime_error& error) { std::puts(error.what()); }
  }`;

await withTarball(async (tarball) => {
  execFileSync('tar', ['-xzf', tarball, '-C', folder]);
  const unpacked = join(folder, 'package');
  const prebuilt = Object.keys(machines).map((arch) =>
    join(unpacked, `prebuilds/linux-${arch}/entropyd.glibc.node`),
  );

  t.test('each is for its processor', async (t) => {
    for (const [i, [arch, machine]] of Object.entries(machines).entries())
      t.equal(readFileSync(prebuilt[i] ?? '').readUInt16LE(machineOffset), machine, arch);
  });

  t.test('they need glibc 2.28 at most and no other library, and are bound at load', async (t) => {
    const check = (names: string[]) =>
      spawnSync(join(source, 'check.sh'), names, { encoding: 'utf8' });
    const { status, stdout, stderr } = check(prebuilt);
    t.equal(status, 0, stdout + stderr);
    t.comment(stdout.trim());
    for (const [file, fault] of [
      [join(root, 'build/Release/entropyd.node'), /: needs libstdc\+\+\.so\.6\n/],
      [process.execPath, /: is bound lazily\n/],
    ] as const)
      t.match(check([file]), { status: 1, stdout: fault }, `${fault} is found`);
    t.not(check([join(root, 'package.json')]).status, 0, 'and what is no binary');
    const newer = check([join(root, 'test/native/build/Release/entropyd_test.node')]);
    t.match(newer.stdout, /: needs glibc 2\.\d+: \w/, 'and what needs a newer glibc is named');
  });

  t.test('a host with another C library ignores them', async (t) => {
    const script = "console.log(require('node-gyp-build').path('.'))";
    for (const [libc, wanted] of [
      ['glibc', { status: 0, stdout: /entropyd\.glibc\.node\n$/ }],
      ['musl', { status: 1, stderr: /No native build was found/ }],
    ] as const) {
      const env = { ...environment, LIBC: libc };
      t.match(await new Program(t, ['-e', script], { cwd: unpacked, env }).ended, wanted, libc);
    }
  });

  const skip = process.getuid?.() === 0 ? false : 'needs root';
  t.test(
    'a thread that the system refuses costs a source, not the process',
    { skip },
    async (t) => {
      for (const [build, addon] of [
        ['prebuilt', join(unpacked, `prebuilds/linux-${process.arch}/entropyd.glibc.node`)],
        ['as it is built here', join(root, 'build/Release/entropyd.node')],
      ] as const) {
        // Without the test runner's options, which write a file when the process ends.
        const program = new Program(t, [refusedThread, addon], {
          script: `exec env -i PATH="$PATH" '${process.execPath}' -e "$0" "$@"`,
        });
        const stdout = /jitter no thread: .*,x no thread: Resource temporarily unavailable\n0\n$/;
        t.match(await program.ended, { status: 0, stdout, stderr: '' }, build);
      }
    },
  );

  t.test('what is thrown behind its way to the unwinding tables is caught', async (t) => {
    const [code, program] = [join(folder, 'catcher.cc'), join(folder, 'catcher')];
    writeFileSync(code, catcher);
    const flags = [
      '-std=c++20',
      '-static-libstdc++',
      '-static-libgcc',
      '-Wl,--wrap=_dl_find_object',
    ];
    execFileSync('g++', [...flags, code, join(source, 'find_object.cc'), '-o', program]);
    t.equal(execFileSync(program, { encoding: 'utf8' }), 'caught\n');
    t.notMatch(execFileSync('objdump', ['-T', program], { encoding: 'utf8' }), /_dl_find_object/);
  });
});

t.test(
  'without a compiler for each processor none is made, and the missing one is named',
  async (t) => {
    const bin = join(folder, 'compilers');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    const possible = (...compilers: string[]) => {
      for (const name of compilers) writeFileSync(join(bin, name), '#!/bin/sh\n', { mode: 0o755 });
      return spawnSync(process.execPath, [join(source, 'make.mjs'), 'possible'], {
        env: { PATH: bin },
        encoding: 'utf8',
      });
    };
    const missing =
      /^entropyd: no prebuilt addon for linux-\w+: \S*g\+\+ is missing, on Debian of the package g\+\+\S*\n$/;
    t.match(possible(), { status: 1, stderr: missing });
    t.match(possible('g++'), { status: 1, stderr: missing }, 'of a cross compiler too');
    t.match(possible('x86_64-linux-gnu-g++', 'aarch64-linux-gnu-g++'), { status: 0, stderr: '' });
  },
);
