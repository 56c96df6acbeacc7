import { chmodSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { operationsOf } from '../../src/apis/list.js';
import {
  type ConfiguredGateway,
  checkGateway,
  loadFiles,
} from '../../src/gateway/checked-configuration.js';
import { makeCertificate } from '../support/certificates.js';
import { writePrivate } from '../support/credentials.js';

const dir = t.testdir({});
const token = '[[token]]\nname = "t"\ntoken = "abc"\n';

t.test('loads the files that are named; if one is at fault nothing stays open', async (t) => {
  const open = () => readdirSync('/proc/self/fd').length;
  const operations = operationsOf();
  const load = (paths: Parameters<typeof loadFiles>[0]) => loadFiles(paths, operations);
  const none = {
    credentials: undefined,
    credentialsText: undefined,
    tls: undefined,
    audit: undefined,
  };
  t.strictSame(await load({}), none);
  const before = open();
  const credentials = writePrivate(dir, 'files.toml', token);
  const bad = writePrivate(dir, 'bad.toml', '[[token]]\nname = "t"\ntoken = 1\n');
  const tls = makeCertificate(dir, 'files');
  const audit = join(dir, 'files.audit');
  for (const [paths, message] of [
    [{ credentials: bad, tls, audit }, /bad\.toml:3: token\[0\]\.token: want a string$/],
    [{ credentials: '', tls, audit }, /^credentials file : ENOENT/],
    [{ credentials, tls: { ...tls, key: join(dir, 'no key') }, audit }, /^TLS key .*ENOENT/],
    [{ credentials, tls, audit: dir }, /^audit log .*EISDIR/],
  ] as const)
    await t.rejects(load(paths), { code: 'ERR_CONFIG', message });
  t.notOk(existsSync(audit));
  t.equal(open(), before);
  const files = await load({ credentials, tls, audit });
  t.match(files, { credentials: { token: [{ name: 't' }] }, tls: { cert: Buffer } });
  t.ok(statSync(audit).isFile());
  t.equal(open(), before + 1);
  files.audit?.close();
});

t.test('a check finds what would keep a gateway from starting, and opens nothing', async (t) => {
  const credentials = writePrivate(dir, 'check.toml', token);
  const tls = makeCertificate(dir, 'check');
  const audit = join(dir, 'check.audit');
  const standard = {
    listen: ['127.0.0.1:8478', 'unix:/nowhere/gateway.sock'],
    dialect: 'otc',
    nodeSdkErrors: false,
    regions: [],
    upstream: undefined,
    upstreamResign: undefined,
    huaweiUpstream: undefined,
    huaweiUpstreamResign: undefined,
  } as const;
  const check = (settings: Partial<ConfiguredGateway>) =>
    checkGateway({ ...standard, ...settings });
  const good = { listen: ['0.0.0.0:8478'], credentials, tls, audit };
  for (const settings of [{}, good, { noOpen: true, access: 'open' }, { insecureNetwork: true }])
    await check(settings as Partial<ConfiguredGateway>);
  t.notOk(existsSync(audit), 'the file would belong to whoever checks');
  for (const [settings, code, key, message] of [
    [{ listen: [] }, 'ERR_CONFIG', undefined, /^listen: want at least one/],
    [{ listen: ['[::]:1'] }, 'ERR_LISTEN', undefined, /^refusing to listen on \[::\]:1: /],
    [{ ...good, tls: undefined }, 'ERR_LISTEN', undefined, /which takes TLS/],
    [{ noOpen: true }, 'ERR_CONFIG', undefined, /^nothing says who may use/],
    [{ access: 'open', credentials }, 'ERR_CONFIG', 'gateway.access', /^access = "open" contra/],
    [{ requireSignatures: true }, 'ERR_CONFIG', 'gateway.require_signatures', /^signatures are/],
    [{ auditRequired: true }, 'ERR_CONFIG', 'gateway.audit_required', /^an audit log is required/],
    [{ apis: ['aws'] }, 'ERR_CONFIG', 'gateway.apis', /^no API "aws": want some of aws-kms, /],
    [{ upstream: 'ftp://x' }, 'ERR_CONFIG', 'gateway.upstream', /^upstream "ftp/],
    [{ huaweiUpstream: 'ftp://x' }, 'ERR_CONFIG', 'gateway.huawei_upstream', /^upstream "ftp/],
    [{ credentials: '/none' }, 'ERR_CONFIG', 'gateway.credentials', /^credentials file .*ENOENT/],
    [
      { tls: { ...tls, key: '/none' } },
      ...(['ERR_CONFIG', 'gateway.tls_key', /^TLS key .*ENOENT/] as const),
    ],
  ] as [Partial<ConfiguredGateway>, string, string | undefined, RegExp][])
    await t.rejects(check(settings), { code, key, message }, String(message));
});

t.test('a secret is judged for whoever reads it, or for its owner', async (t) => {
  const operations = operationsOf();
  const credentials = writePrivate(dir, 'owned.toml', token);
  const { uid, gid } = statSync(credentials);
  const load = (reader: Parameters<typeof loadFiles>[3]) =>
    loadFiles({ credentials }, operations, undefined, reader);
  // Root's own files are safe for everyone to whom root gives them.
  if (uid !== 0) await t.rejects(load({ uid: uid + 1, groups: [] }), { code: 'ERR_CONFIG' });
  t.ok((await load('owner')).credentials);
  t.ok((await load({ uid, groups: [gid] })).credentials);
  chmodSync(credentials, 0o644);
  await t.rejects(load('owner'), { code: 'ERR_CONFIG', message: /chmod 600 it$/ });
});
