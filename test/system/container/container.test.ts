/** The image, and the developer's container: one command, Compose, and Testcontainers in three languages. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { cannotBuild, deb } from '../debian/deb.js';
import { commandsOf, exampleOf, examplesOf } from '../interop/examples.js';
import { pypiClient, testWith } from '../interop/installed.js';
import { impossible, Node } from '../kubernetes/node.js';
import { cannotPack } from '../package/tarball.js';
import { imageArchive } from './image.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const project = fileURLToPath(new URL('testcontainers', import.meta.url));
const examples = examplesOf('kubernetes.md');

const maxArchiveSize = 60_000_000;
/** npm and Maven fetch some 25 MB each. */
const fetchMs = 300_000;

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

/** Asks for 32 bytes as the AWS SDKs do. */
const kms = (endpoint: string, operation: string, body: string) =>
  `curl --silent --show-error --max-time 30 --aws-sigv4 aws:amz:eu-central-1:kms --user any:any \
--header 'Content-Type: application/x-amz-json-1.1' --header 'X-Amz-Target: TrentService.${operation}' \
--data '${body}' ${endpoint}/`;

const mapped = 'http://127.0.0.1:8478';

const random32 = /^\{"Plaintext":"[A-Za-z0-9+/]{43}="\}$/;

async function all(archive: string): Promise<void> {
  await t.test('an archive for OCI and for Docker: no shell, one user, small', async (t) => {
    t.ok(statSync(archive).size < maxArchiveSize, `${statSync(archive).size} bytes`);
    const folder = t.testdir();
    execFileSync('tar', ['-xzf', archive, '-C', folder]);
    const json = (path: string) => JSON.parse(readFileSync(join(folder, path), 'utf8'));
    const blob = (digest: string) => `blobs/sha256/${digest.replace('sha256:', '')}`;
    const { manifests } = json('index.json');
    const { config, layers } = json(blob(manifests[0].digest));
    for (const name of readdirSync(join(folder, 'blobs/sha256')))
      t.equal(sha256(readFileSync(join(folder, 'blobs/sha256', name))), name);
    const paths = layers.flatMap(({ digest }: { digest: string }) =>
      execFileSync('tar', ['-tzf', join(folder, blob(digest))], { encoding: 'utf8' }).split('\n'),
    );
    t.ok(paths.includes('./usr/bin/entropyctl'));
    t.strictSame(
      paths.filter((path: string) => /\/s?bin\/\w*sh$|setuid/.test(path)),
      [],
    );
    t.match(json(blob(config.digest)), {
      architecture: 'amd64',
      config: { User: '18478:18478', Entrypoint: ['/usr/bin/entropyd'] },
    });
    const [docker] = json('manifest.json');
    t.equal(docker.Config, blob(config.digest));
    t.strictSame(
      docker.Layers,
      layers.map(({ digest }: { digest: string }) => blob(digest)),
    );
  });

  await t.test('the same package gives the same bytes, whoever builds it', async (t) => {
    const out = t.testdir();
    const script = 'umask 077; exec "$0" "$@"';
    const args = [join(root, 'container/image.mjs'), '--deb', await deb(), '--out', out];
    execFileSync('sh', ['-c', script, process.execPath, ...args], {
      cwd: '/',
      env: { ...process.env, TZ: 'Pacific/Chatham', LC_ALL: 'C' },
    });
    t.equal(
      sha256(readFileSync(join(out, basename(archive)))),
      sha256(readFileSync(archive)),
      basename(archive),
    );
  });

  const node = Node.start(t, archive);

  await t.test('one command: healthy through the mapped port, and it serves', async (t) => {
    const heading = 'A container to develop against';
    const [command = ''] = commandsOf(exampleOf(examples, { heading, language: '' }));
    node.sh(command.replace('--rm', '--detach --name one'));
    const health = 'curl --silent --output /dev/null --write-out "%{http_code}"';
    await node.until('one', 'healthy', () => {
      const { stdout } = node.run('bash', '-c', `${health} ${mapped}/healthz`);
      return stdout === '200';
    });
    t.match(node.sh(kms(mapped, 'GenerateRandom', '{"NumberOfBytes":32}')), random32);
    // It serves before it says so.
    const hint = '\n  entropyctl random 32 --socket .entropyd/entropyd.sock\n';
    const logs = () => node.podman('logs', 'one');
    await node.until('one', 'done with its greeting', () => logs().stdout.includes(hint));
    const log = logs();
    t.match(log.stdout, 'Look at it: http://localhost:8478/');
    t.match(log.stderr, /insecure network: other hosts may use this gateway/);
    const words = ['entropyctl', 'random', '16', '--socket', '.entropyd/entropyd.sock'];
    t.equal(node.exec('one', ...words, '--format', 'hex').stdout.trim().length, 32);
    t.equal(node.podman('stop', 'one').status, 0);
    t.equal(node.inspect('one', '{{.State.ExitCode}}'), '0');
  });

  const moto = pypiClient('moto.server', 'moto[kms,server]==5.2.5');
  const compose = pypiClient('podman_compose', 'podman-compose==1.6.0');
  testWith(compose, 'Compose: random bytes from here, all else from moto', async (t, python) => {
    if (moto.command === undefined) throw new Error(`not installed: ${moto.name}`);
    const override = importMoto(t, node, moto.command);
    const files = [join(root, 'container/compose.yaml'), override];
    const up = [python, '-m', 'podman_compose', ...files.map((file) => `--file=${file}`)];
    node.sh([...up, 'up', '--detach'].join(' '));
    const name = node.podman('ps', '--format', '{{.Names}}').stdout.match(/\S*entropyd\S*/)?.[0];
    if (name === undefined) throw new Error('no container of entropyd');
    await node.until(name, 'healthy', () => node.podman('healthcheck', 'run', name).status === 0);
    t.match(node.sh(kms(mapped, 'GenerateRandom', '{"NumberOfBytes":32}')), random32);
    await node.until(name, 'a key of moto', () =>
      node.sh(kms(mapped, 'CreateKey', '{}')).includes('"KeyId"'),
    );
    node.sh([...up, 'down'].join(' '));
  });

  const variables = {
    DOCKER_HOST: await node.dockerHost(),
    TESTCONTAINERS_RYUK_DISABLED: 'true',
    // Whether or not the tests run in a container themselves.
    TESTCONTAINERS_HOST_OVERRIDE: 'localhost',
    TESTCONTAINERS_CONNECTION_MODE: 'docker_host',
  };
  const heading = 'Testcontainers';
  const code = (language: string) => exampleOf(examples, { heading, language });
  /** Runs a program beside podman, which prints its endpoint, and asks there before the program ends. */
  const asks = (t: Test, command: string, ...args: string[]) => {
    const env = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
    const { stdout, stderr } = node.run('env', ...env, command, ...args);
    t.match(stdout.trim().split('\n').at(-1), random32, stderr);
  };
  const ask = kms('"$1"', 'GenerateRandom', '{"NumberOfBytes":32}');
  const script = join(t.testdir({ 'ask.sh': ask }), 'ask.sh');

  await t.test('Testcontainers for Node', async (t) => {
    const folder = t.testdir();
    cpSync(project, folder, { recursive: true });
    const fetched = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: fetchMs,
    });
    t.equal(fetched.status, 0, fetched.stderr);
    const end = `
import { execFileSync } from 'node:child_process';
console.log(execFileSync('sh', ['${script}', endpoint], { encoding: 'utf8' }));
await entropyd.stop();
`;
    writeFileSync(join(folder, 'example.mjs'), code('js') + end);
    asks(t, process.execPath, join(folder, 'example.mjs'));
  });

  const python = pypiClient('testcontainers', 'testcontainers==4.15.0');
  testWith(python, 'Testcontainers for Python', async (t, command) => {
    const end = `
import subprocess
print(subprocess.check_output(["sh", "${script}", endpoint], text=True))
entropyd.stop()
`;
    asks(t, command, '-c', code('python') + end);
  });

  const maven = spawnSync('mvn', ['--version']).status === 0;
  const skip = !maven && process.env.CI !== 'true' && 'not installed: maven (Debian package maven)';
  await t.test('Testcontainers for Java', { skip }, async (t) => {
    const folder = t.testdir({
      'Main.java': `import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.wait.strategy.Wait;
public class Main {
  public static void main(String[] args) throws Exception {
${code('java')}
    new ProcessBuilder("sh", "${script}", endpoint).inheritIO().start().waitFor();
    entropyd.stop();
  }
}
`,
    });
    cpSync(join(project, 'pom.xml'), join(folder, 'pom.xml'));
    const fetched = spawnSync(
      'mvn',
      ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=jars'],
      { cwd: folder, encoding: 'utf8', timeout: fetchMs },
    );
    t.equal(fetched.status, 0, fetched.stdout);
    asks(t, 'java', '-cp', join(folder, 'jars/*'), join(folder, 'Main.java'));
  });
}

/**
 * Makes an image named like moto's, which no registry is asked for: moto of PyPI, on this host's Python.
 * @returns a file for Compose, which gives it the folders of Python
 */
function importMoto(t: Test, node: Node, python: string): string {
  const roots = execFileSync(
    python,
    ['-c', 'import sys; print(sys.prefix); print(sys.base_prefix)'],
    { encoding: 'utf8' },
  );
  const folder = t.testdir({ rootfs: { tmp: {}, etc: {}, usr: {}, proc: {}, dev: {} } });
  const links = ['bin', 'lib', 'lib64'].map((name) => `ln -s usr/${name} ${name}`).join('; ');
  node.sh(
    `cd ${folder}/rootfs; ${links}; tar -c . | podman import --quiet - docker.io/motoserver/moto:5.2.5`,
  );
  const folders = new Set([
    '/usr',
    ...roots
      .trim()
      .split('\n')
      .filter((path) => !path.startsWith('/usr')),
  ]);
  const override = join(folder, 'override.yaml');
  writeFileSync(
    override,
    `services:
  moto:
    command: [${python}, -m, moto.server, --host, 0.0.0.0, --port, '5000']
    volumes: [${[...folders].map((path) => `'${path}:${path}:ro'`).join(', ')}]
`,
  );
  return override;
}

const reason = impossible() ?? cannotBuild() ?? cannotPack();
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`the image with podman: ${reason}`);
  else t.plan(0, `no podman: ${reason}`);
} else await all(await imageArchive());
