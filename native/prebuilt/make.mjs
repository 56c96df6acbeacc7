/**
 * Builds the addon that the package includes, for each processor: in prebuilds/linux-ARCH, where
 * node-gyp-build looks. `npm pack` runs it. prebuildify is not used: it builds in the same folder as the
 * checkout's own addon, and removes that.
 * A processor whose compiler is missing is left out, and that is said; this machine's own is not.
 *   make.mjs            builds and checks them
 *   make.mjs possible   only says what cannot be built, and fails if that is anything
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const prebuilds = fileURLToPath(new URL('../../prebuilds', import.meta.url));
const require = createRequire(import.meta.url);
const nodeGyp = require.resolve('node-gyp/bin/node-gyp.js');
const { findHeaders } = require('../headers.cjs');

/** Debian's cross compilers: prefix and package. */
const crossCompilers = {
  x64: ['x86_64-linux-gnu-', 'g++-x86-64-linux-gnu'],
  arm64: ['aarch64-linux-gnu-', 'g++-aarch64-linux-gnu'],
};
/** A host with another C library ignores it because of the tag. With Node-API it fits any Node. */
const fileName = 'entropyd.glibc.node';

function fail(reason) {
  console.error(`entropyd: no prebuilt addon for ${reason}`);
  process.exit(1);
}

/** Runs a command; its output is shown only if it fails. */
function run(command, args, environment = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  });
  if (status !== 0) console.error(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
  return status === 0 ? stdout : undefined;
}

// The headers are the same for every processor.
const { nodedir, fault } = findHeaders();
if (fault !== undefined) fail(`linux: ${fault}`);

const missing = [];
const compilers = Object.entries(crossCompilers).flatMap(([arch, [crossPrefix, debianPackage]]) => {
  const own = process.platform === 'linux' && process.arch === arch;
  const prefix = own ? '' : crossPrefix;
  if (spawnSync(`${prefix}g++`, ['--version']).status === 0)
    return [{ arch, CC: `${prefix}gcc`, CXX: `${prefix}g++` }];
  const reason = `linux-${arch}: ${prefix}g++ is missing, on Debian of the package ${own ? 'g++' : debianPackage}`;
  if (own) fail(reason);
  missing.push(reason);
  return [];
});

if (process.argv[2] === 'possible') {
  if (missing.length > 0) fail(missing.join('; '));
  process.exit();
}
for (const reason of missing)
  console.error(`entropyd: the package is without an addon for ${reason}`);

rmSync(prebuilds, { recursive: true, force: true });
for (const { arch, ...environment } of compilers) {
  const args = [nodeGyp, 'rebuild', '--directory', here, '--arch', arch];
  if (
    run(process.execPath, args, { JOBS: 'max', npm_config_nodedir: nodedir, ...environment }) ===
    undefined
  )
    fail(`linux-${arch}: it does not compile`);
  mkdirSync(join(prebuilds, `linux-${arch}`), { recursive: true });
  copyFileSync(
    join(here, 'build/Release/entropyd.node'),
    join(prebuilds, `linux-${arch}`, fileName),
  );
}
const checked = run('sh', [join(here, 'check.sh')]);
if (checked === undefined) fail('older systems: see above');
process.stderr.write(checked);
