// The install script: builds the addon unless a prebuilt one fits. It always exits 0: without the
// addon the generator is node:crypto, and every program says at its start that it fell back and why
// (npm hides what this prints when the package is somebody's dependency).
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const environment = { JOBS: 'max', ...process.env };
// A checkout, told by what the package does not have, may have a stale build: make it anew.
if (existsSync(join(__dirname, '..', 'src'))) environment.npm_config_build_from_source = 'true';

let failure;
try {
  const { status, error } = spawnSync(
    process.execPath,
    [require.resolve('node-gyp-build/bin.js')],
    {
      stdio: 'inherit',
      env: environment,
    },
  );
  failure = error?.message ?? (status === 0 ? undefined : `node-gyp-build ended with ${status}`);
} catch (error) {
  failure = error.message;
}
if (failure !== undefined)
  console.warn(`entropyd: no native addon (${failure}); the generator will be node:crypto`);
