/**
 * The gateway's unit: restarts and crashes under HTTP load, its audit log as installed, and secrets that
 * only root can read.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import t from 'tap';
import { makeCertificate } from '../../support/certificates.js';
import { until } from '../../support/until.js';
import { impossible, Machine, patient } from './machine.js';

const service = 'entropyd-gateway.service';
const config = '/etc/entropyd/entropyd.toml';
/** Processes of each kind, and connections of each process; see http-load.mjs. */
const clients = 2;
const connections = 4;

/** A program of this folder bundled with the packages that it needs. */
async function bundled(name: string): Promise<string> {
  const input = fileURLToPath(new URL(name, import.meta.url));
  const bundle = await rolldown({ input, platform: 'node' });
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
  return output[0].code;
}

async function all(machine: Machine): Promise<void> {
  machine.sh('/usr/lib/node_modules/entropyd/systemd/install.sh --gateway');
  machine.write('/opt/http-load.mjs', await bundled('http-load.mjs'));
  const installed = machine.ok(['cat', config]);
  const documented = (document: string, heading: string) => {
    const text = readFileSync(new URL(`../../../docs/${document}`, import.meta.url), 'utf8');
    const section = text.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
    return [...section.matchAll(/^```\n([\s\S]*?)^```$/gm)].map(
      ([, commands]) => commands as string,
    );
  };
  /** As an operator who starts from the configuration that was installed. */
  const follow = (commands: string | undefined) => {
    machine.write(config, `${installed}\n`);
    machine.sh(commands ?? 'false');
  };
  const ask = (...args: string[]) =>
    machine.run([
      'curl',
      '--silent',
      '--output',
      '/dev/null',
      '--write-out',
      '%{http_code}',
      ...args,
    ]).stdout;
  const token = ['-H', 'X-Auth-Token: any', '-d', '{"random_data_length":"512"}'];
  const genRandom = (origin: string) => [...token, `${origin}/v1.0/p/kms/gen-random`];
  const socket = ['--unix-socket', '/run/entropyd/gateway.sock'];

  await t.test('what the documents say to do after the installation does it', async (t) => {
    const [credentials, open] = documented('install.md', 'Who may use the gateway');
    follow(credentials);
    const signed = (secret: string) => [
      ...['--aws-sigv4', 'aws:amz:eu-central-1:kms', '--user', `AKIDBILLING:${secret}`],
      ...['-H', 'Content-Type: application/x-amz-json-1.1'],
      ...['-H', 'X-Amz-Target: TrentService.GenerateRandom', '-d', '{"NumberOfBytes":32}'],
    ];
    const secret = machine.sh(
      `sed -n 's/^secret_key = "\\(.*\\)"$/\\1/p' /etc/entropyd/credentials.toml`,
    );
    t.match(secret, /^\S{40}$/);
    t.equal(ask(...socket, ...signed(secret), 'http://localhost/'), '200');
    t.equal(ask(...socket, ...signed('another'), 'http://localhost/'), '400');
    t.equal(ask(...genRandom('http://127.0.0.1:8478')), '401');

    const [tls] = documented('gateway.md', 'In production');
    follow(tls);
    const ca = ['--cacert', '/etc/entropyd/tls.pem'];
    t.equal(ask(...ca, ...signed(secret), 'https://127.0.0.1:8478/'), '200');
    t.equal(ask(...signed(secret), 'http://127.0.0.1:8478/'), '000', 'plain HTTP');
    t.equal(ask(...socket, ...signed(secret), 'http://localhost/'), '200', 'the Unix socket stays');

    follow(open);
    machine.sh(`systemctl restart ${service}`);
    t.equal(ask(...genRandom('http://127.0.0.1:8478')), '200');
    machine.sh('cd /etc/entropyd; rm credentials.toml tls.pem tls.key');
  });

  await t.test('the drop-in leaves the Unix socket alone', async (t) => {
    const path = '/etc/systemd/system/entropyd-gateway.socket.d/test.conf';
    const restart = `systemctl daemon-reload; systemctl stop ${service}; systemctl restart entropyd-gateway.socket`;
    const dropIn = new URL('../../../systemd/drop-ins/unix-gateway-socket.conf', import.meta.url);
    machine.write(path, readFileSync(dropIn, 'utf8'));
    machine.sh(restart);
    t.equal(ask(...socket, ...genRandom('http://localhost')), '200');
    t.equal(ask(...genRandom('http://127.0.0.1:8478')), '000');
    machine.sh(`rm ${path}; ${restart}`);
    t.equal(ask(...genRandom('http://127.0.0.1:8478')), '200');
  });
  const pid = () => machine.show(service, 'MainPID');

  for (const [what, times, action] of [
    ['restart', 3, `systemctl restart ${service}`],
    ['kill -9', 2, `systemctl kill -s KILL --kill-who=main ${service}`],
  ] as const)
    await t.test(`${what} under load: no SDK loses a request`, async (t) => {
      const load = (kind: string, during: (served: () => Promise<void>) => Promise<void>) =>
        machine.underLoad(clients, during, ['/opt/http-load.mjs', kind]);
      let before = '';
      let sdk = { answered: 0, failures: {}, worstMs: 0 };
      const plain = await load('plain', async (plainServed) => {
        sdk = await load('sdk', async (sdkServed) => {
          for (let i = 0; i < times; i++) {
            await Promise.all([plainServed(), sdkServed()]);
            before = pid();
            machine.sh(action);
            await until(() => ![before, '0'].includes(pid()), 'another process', patient);
          }
          await Promise.all([plainServed(), sdkServed()]);
        });
      });
      t.not(pid(), before, 'another process');
      t.strictSame(sdk.failures, {}, 'the AWS SDK');
      t.ok(sdk.answered > 50, `${sdk.answered} answered`);
      // RFC 9112 9.5: a server may close a connection at any time, even while a request arrives.
      const { ECONNRESET = 0, EPIPE = 0, ...others } = plain.failures;
      const ended = ECONNRESET + EPIPE;
      t.strictSame(others, {}, 'who asks once sees connections end, and nothing else');
      t.ok(ended <= clients * connections * times, 'each once at most');
      t.ok(plain.answered > 50, `${plain.answered} answered`);
      t.comment(`the AWS SDK: ${sdk.answered} answered, the longest after ${sdk.worstMs} ms`);
      t.comment(
        `a client that asks once: ${plain.answered} answered, ${ended} of ${clients * connections * times} connections ended under a request, the longest after ${plain.worstMs} ms`,
      );
    });

  const askPlainly = () =>
    machine.sh(
      `curl -s -o /dev/null -w '%{http_code}' -H 'X-Auth-Token: any' -d '{"random_data_length":"512"}' http://127.0.0.1:8478/v1.0/p/kms/gen-random`,
    );
  const audited = (target: string) => {
    machine.write(
      config,
      `[gateway]\naccess = "open"\naudit = "${target}"\naudit_required = true\n`,
    );
    machine.sh(`systemctl restart ${service}`);
  };

  await t.test(
    'the documented audit file works as installed, and logrotate turns it',
    async (t) => {
      const path = '/var/log/entropyd/audit.jsonl';
      audited(path);
      t.equal(askPlainly(), '200');
      t.equal(
        machine.sh(`stat -c '%a %U %G' ${path} /var/log/entropyd`),
        '600 entropyd-gateway entropyd-gateway\n750 entropyd-gateway entropyd-gateway',
      );
      if (machine.run(['logrotate', '--version']).status !== 0)
        return void t.comment('logrotate is not installed');
      const rotate = () => machine.run(['logrotate', '--force', '/etc/logrotate.d/entropyd']);
      t.match(rotate(), { status: 0, stdout: '', stderr: '' });
      await until(() => machine.run(['test', '-e', path]).status === 0, 'a new file', patient);
      t.equal(askPlainly(), '200');
      const numbers = (name: string) =>
        machine
          .sh(`cat ${name}`)
          .split('\n')
          .map((line) => JSON.parse(line).seq);
      t.strictSame([numbers(`${path}.1`), numbers(path)], [[1], [2]]);
      t.equal(machine.sh(`stat -c '%a %U' ${path}`), '600 entropyd-gateway');
      machine.sh(`systemctl stop entropyd-gateway.socket ${service}`);
      t.match(rotate(), { status: 0, stdout: '', stderr: '' }, 'while it is stopped');
      machine.sh('systemctl start entropyd-gateway.socket');
    },
  );

  for (const target of ['journal', 'syslog'])
    await t.test(`audit = "${target}" reaches the journal under its own name`, async (t) => {
      audited(target);
      t.equal(askPlainly(), '200');
      const records = () => {
        machine.ok(['journalctl', '--sync']);
        const args = ['journalctl', '-t', 'entropyd-audit', '-u', service, '-o', 'json'];
        const found = machine.ok([...args, '--no-pager', '-n', '1']);
        return found === '' ? [] : found.split('\n').map((line) => JSON.parse(line));
      };
      const [record] = await until(() => records().length > 0 && records(), 'a record', patient);
      t.match(record, {
        PRIORITY: '6',
        _TRANSPORT: target === 'journal' ? 'stdout' : 'syslog',
      });
      t.match(JSON.parse(record.MESSAGE), { seq: 1, api: 'huawei-kms', outcome: 'ok' });
    });

  await t.test(
    'credentials and a TLS key that only root can read come by LoadCredential=',
    async (t) => {
      const { certificate, key } = makeCertificate(t.testdir({}), 'gateway');
      machine.write('/etc/entropyd/tls.pem', readFileSync(certificate, 'utf8'));
      machine.write('/etc/entropyd/tls.key', readFileSync(key, 'utf8'));
      const tokens = (token: string) =>
        machine.write(
          '/etc/entropyd/credentials.toml',
          `[[token]]\nname = "a"\ntoken = "${token}"\n`,
        );
      tokens('known');
      machine.sh('cd /etc/entropyd; chmod 600 tls.key credentials.toml');
      const named = (folder: string) =>
        machine.write(
          config,
          `[gateway]\ncredentials = "${folder}/credentials.toml"\ntls_cert = "/etc/entropyd/tls.pem"\ntls_key = "${folder}/tls.key"\n`,
        );
      const restart = () => machine.run(['systemctl', 'restart', service]).status;
      named('/etc/entropyd');
      t.equal(restart(), 1, 'of its own it cannot read them');

      const dropIn = new URL('../../../systemd/drop-ins/gateway-credentials.conf', import.meta.url);
      machine.write(`/etc/systemd/system/${service}.d/test.conf`, readFileSync(dropIn, 'utf8'));
      machine.sh('systemctl daemon-reload');
      const folder = `/run/credentials/${service}`;
      named(folder);
      t.equal(restart(), 0);
      t.comment(machine.sh(`stat -c '%A %U %G %n' ${folder} ${folder}/*`));
      const status = (token: string) =>
        machine.sh(
          `curl -sk -o /dev/null -w '%{http_code}' -H 'X-Auth-Token: ${token}' -d '{"random_data_length":"512"}' https://127.0.0.1:8478/v1.0/p/kms/gen-random`,
        );
      t.equal(status('known'), '200');
      t.equal(status('unknown'), '401');
      t.not(
        machine.run(['cat', `${folder}/tls.key`], 'nobody').status,
        0,
        'others cannot read them',
      );
      tokens('next');
      machine.sh(`systemctl reload ${service}`);
      t.equal(status('next'), '401', 'a reload reads the copies of the start');
      t.equal(restart(), 0);
      t.equal(status('next'), '200', 'a restart makes new ones');
    },
  );
}

const reason = impossible();
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`a machine with systemd: ${reason}`);
  else t.plan(0, `no machine with systemd: ${reason}`);
} else await all(await Machine.start(t));
