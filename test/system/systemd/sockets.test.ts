/** The units of the EGD socket and of the byte socket on a real systemd, and what docs/clients.md says of them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { impossible, Machine } from './machine.js';

const clients = readFileSync(
  fileURLToPath(new URL('../../../docs/clients.md', import.meta.url)),
  'utf8',
);
const sockets = ['entropyd-egd.socket', 'entropyd-raw.socket'];
const installed = '/usr/lib/node_modules/entropyd';

/** Asks the EGD socket for 64 bytes, as QEMU does, and prints them. */
const ask = `
const socket = require('node:net').connect('/run/entropyd/egd.sock');
let got = Buffer.alloc(0);
socket.on('data', (data) => {
  got = Buffer.concat([got, data]);
  if (got.length === 64) { console.log(got.toString('hex')); socket.end(); }
});
socket.on('close', () => { process.exitCode = got.length === 64 ? 0 : 1; });
socket.write(Buffer.from([2, 64]));
`;

const reason = impossible();
if (reason !== undefined) {
  if (process.env.CI === 'true') t.fail(`a machine with systemd: ${reason}`);
  else t.plan(0, `no machine with systemd: ${reason}`);
} else await all(await Machine.start(t));

async function all(machine: Machine): Promise<void> {
  const restart = () => machine.sh('systemctl restart entropyd.service');
  const asked = () => machine.ok(['node', '-e', ask], 'nobody');

  await t.test('both are installed, verify, and are not enabled', async (t) => {
    machine.ok([`${installed}/systemd/install.sh`]);
    t.match(machine.run(['systemd-analyze', 'verify', ...sockets]), {
      status: 0,
      stdout: '',
      stderr: '',
    });
    for (const socket of sockets)
      t.equal(machine.run(['systemctl', 'is-enabled', socket]).stdout, 'disabled\n');
  });

  await t.test('each has its protocol, and a request to it starts the daemon', async (t) => {
    machine.sh(`systemctl stop entropyd.service; systemctl enable --now ${sockets.join(' ')}`);
    t.equal(machine.show('entropyd.service', 'ActiveState'), 'inactive');
    t.match(asked(), /^[0-9a-f]{128}$/);
    const { sockets: listening } = JSON.parse(machine.ok(['entropyctl', 'status', '--json']));
    t.strictSame(
      new Map(listening.map(({ path, protocol }: Record<string, string>) => [path, protocol])),
      new Map([
        ['/run/entropyd/entropyd.sock', 'rpc'],
        ['/run/entropyd/egd.sock', 'egd'],
        ['/run/entropyd/raw.sock', 'raw'],
      ]),
    );
    restart();
    t.match(asked(), /^[0-9a-f]{128}$/, 'the socket stays');
  });

  await t.test('a service gets a credential of its own at each start', async (t) => {
    const [, recipe = ''] = /```ini\n(\[Service\]\nLoadCredential=[^`]*)```/.exec(clients) ?? [];
    const command = /^ExecStart=.*$/m;
    t.match(recipe, command, 'docs/clients.md has a recipe');
    machine.write(
      '/etc/systemd/system/secret.service',
      recipe.replace(
        command,
        `Type=oneshot\nExecStart=sh -c 'cat "$CREDENTIALS_DIRECTORY/seed" >/run/seen'`,
      ),
    );
    machine.sh('systemctl daemon-reload; systemctl stop entropyd.service');
    const seen = new Set<string>();
    for (let i = 0; i < 3; i++) {
      machine.sh('systemctl start secret.service');
      const size = Number(machine.sh('stat -c %s /run/seen'));
      t.ok(size >= 4096 && size % 4096 === 0 && size < 1_048_576, `${size} bytes`);
      seen.add(machine.sh('head -c 32 /run/seen | sha256sum'));
    }
    t.equal(seen.size, 3, 'never the same; probability of a false alarm: 2^-254');
    t.equal(machine.show('entropyd.service', 'ActiveState'), 'active', 'it started the daemon');
  });

  await t.test(
    'an entry of the configuration does not change a passed socket’s protocol',
    async (t) => {
      machine.sh(
        `printf '[[listen]]\\npath = "/run/entropyd/egd.sock"\\nprotocol = "raw"\\n' >>/etc/entropyd/entropyd.toml; systemctl reload entropyd.service`,
      );
      t.match(asked(), /^[0-9a-f]{128}$/);
      t.ok(
        machine
          .journal('entropyd.service')
          .some(({ text }) => /its unit opens it for egd; want FileDescriptorName=/.test(text)),
      );
    },
  );
}
