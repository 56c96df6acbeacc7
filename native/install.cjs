// The install script: builds the addon unless a prebuilt one fits. It always exits 0: without the
// addon the generator is node:crypto, and every program reports at its start that it fell back and
// why (npm hides what this prints if the package is a dependency).
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { findHeaders } = require('./headers.cjs');

const root = join(__dirname, '..');

/** Loads an addon in a process of its own, which a broken one may end. */
function hasFittingAddon() {
  const test = require.resolve('node-gyp-build/build-test.js');
  return spawnSync(process.execPath, [test], { cwd: root, stdio: 'ignore' }).status === 0;
}

/** @returns why there is no addon; undefined if it was built */
function build() {
  const { nodedir, fault } = findHeaders();
  // Without a nodedir that holds headers, node-gyp would download them.
  if (fault !== undefined) return fault;
  const { status, error } = spawnSync(
    process.execPath,
    [require.resolve('node-gyp-build/bin.js')],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        JOBS: 'max',
        ...process.env,
        npm_config_nodedir: nodedir,
        npm_config_build_from_source: 'true',
      },
    },
  );
  return error?.message ?? (status === 0 ? undefined : `node-gyp-build ended with ${status}`);
}

let failure;
try {
  // The package does not include src/, so this is a checkout, whose build may be stale: build again.
  const isCheckout = existsSync(join(root, 'src'));
  if (isCheckout || !hasFittingAddon()) failure = build();
} catch (error) {
  failure = error.message;
}
if (failure !== undefined)
  console.warn(`entropyd: no native addon (${failure}); the generator will be node:crypto`);
