/** The package's files: what it contains, and what it must not. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { temporaryFolder } from '../../support/paths.js';
import { withTarball } from './tarball.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const maxPackedSize = 4 * 1024 * 1024;

/** Everything that may be in the package; the last pattern is for bundled packages. */
const wanted = [
  /^(?:package\.json|binding\.gyp|LICENSE|(?:README|CHANGELOG|SECURITY)\.md)$/,
  /^dist\/(?:[\w-]+\/)*[\w-]+\.d\.cts$/,
  /^dist\/(?:index|aws-sdk|generator|testing)\.(?:js|cjs|d\.ts)$/,
  /^dist\/(?:entropyd|entropyctl)(?:-[\w-]+)?\.js$/,
  /^dist\/library-[\w-]+\.cjs$/,
  /^dist\/third-party-licenses\.txt$/,
  /^native\/(?:(?:addon|assess|drbg|generator|health|memory|sources)\/)?\w+\.(?:cc|h)$/,
  /^native\/(?:core\.gypi|headers\.cjs|install\.cjs)$/,
  /^prebuilds\/linux-(?:x64|arm64)\/entropyd\.glibc\.node$/,
  /^systemd\/(?:[\w.-]+\/)?[\w-]+\.(?:service|socket|target|timer|conf|toml|rules|sh)$/,
  /^systemd\/logrotate\.d\/entropyd$/,
  /^dist\/(?:man\/[\w.]+\.[158]|completions\/\w+(?:\.fish)?)$/,
  /^docs\/(?:[\w-]+\/)?[\w-]+\.(?:md|svg)$/,
  /^page\/[\w-]+\.(?:html|css|js|svg)$/,
  /^prometheus\/[\w.]+\.yml$/,
  /^grafana\/\w+\.json$/,
  /^kubernetes\/(?:gateway|socket)\/[\w-]+\.(?:yaml|toml)$/,
  /^kubernetes\/(?:Chart\.yaml|values\.(?:yaml|schema\.json)|\.helmignore)$/,
  /^kubernetes\/templates\/\w+\.(?:yaml|tpl|txt)$/,
  /^node_modules\/(?:node-addon-api|node-gyp-build)\//,
];

await withTarball(async (tarball) => {
  const unpacked = join(temporaryFolder(), 'package');
  execFileSync('tar', ['-xzf', tarball, '-C', temporaryFolder()]);
  const files = readdirSync(unpacked, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(unpacked, name)).isFile(),
  );
  const text = (name: string) => readFileSync(join(unpacked, name), 'latin1');

  t.test('the package has the programs and their documentation, and is small', async (t) => {
    t.strictSame(
      files.filter((name) => !wanted.some((pattern) => pattern.test(name))),
      [],
      'nothing else: no test, no source map',
    );
    for (const pattern of wanted)
      t.ok(
        files.some((name) => pattern.test(name)),
        String(pattern),
      );
    const { size } = statSync(tarball);
    t.ok(size < maxPackedSize, `${size} bytes packed`);
  });

  t.test('no file has a secret or a path of the machine that made it', async (t) => {
    // Placeholders in the documentation end in EXAMPLE.
    const secret =
      /-----BEGIN [A-Z ]*PRIVATE KEY|\b(?:AKIA|ASIA)(?!\w*EXAMPLE)[A-Z0-9]{16}\b|_authToken/;
    const own = [root, `${homedir()}/`];
    t.strictSame(
      files.filter(
        (name) => secret.test(text(name)) || own.some((path) => text(name).includes(path)),
      ),
      [],
    );
  });
});
