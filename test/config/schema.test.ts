import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { EntropyError } from '../../src/common/errors.js';
import { defaults } from '../../src/config/config.js';
import { camelCase } from '../../src/config/load.js';
import { parseConfigFile } from '../../src/config/schema.js';

t.test('every key is accepted, under its own name', async (t) => {
  const config = parseConfigFile(
    `profile = "strict"
[[listen]]
path = "/run/entropyd/entropyd.sock"
mode = "0660"
admin = true
[[listen]]
path = "/srv/container.sock"
protocol = "raw"
[access]
admin_group = "entropyd"
[limits]
message_bytes = 65536
connections = 4096
connections_per_user = 1024
bytes_per_second_per_user = 0
unsent_bytes = 131072
unsent_bytes_per_user = 131072
prediction_resistance_requests_per_user = 64
message_seconds = 10
stall_seconds = 60
spin_us = 1000
[generator]
reseed_requests = 4096
reseed_seconds = 300
[[source]]
name = "hwrng"
path = "/dev/hwrng"
tested_bits_per_byte = 0.5
credited_bits_per_byte = 0.125
[gateway]
apis = ["vault"]
listen = ["127.0.0.1:8478"]
credentials = "/etc/entropyd/credentials.toml"
require_signatures = true
regions = ["eu-central-1"]
dialect = "otc"
node_sdk_errors = true
page_hosts = ["entropy.example"]
connections = 16
connections_per_address = 0
trusted_proxies = ["10.0.0.0/8", "192.0.2.1", "2001:db8::/32"]
requests = 1
requests_per_connection = 1
unsent_bytes = 131072
unsent_bytes_per_connection = 1
body_bytes = 1048576
workers = 4
tls_cert = "/etc/entropyd/tls.pem"
tls_key = "/etc/entropyd/tls.key"
audit = "/var/log/entropyd/audit.jsonl"
audit_required = true
upstream = "https://kms.example"
upstream_resign = false
huawei_upstream = "https://kms.example"
huawei_upstream_resign = true
`,
    'entropyd.toml',
  );
  t.strictSame(config.listen, [
    { path: '/run/entropyd/entropyd.sock', mode: 0o660, admin: true },
    { path: '/srv/container.sock', protocol: 'raw' },
  ]);
  t.equal(config.profile, 'strict');
  t.strictSame(config.source, [
    {
      ...{ name: 'hwrng', path: '/dev/hwrng' },
      ...{ tested_bits_per_byte: 0.5, credited_bits_per_byte: 0.125 },
    },
  ]);
  t.strictSame(config.gateway, {
    apis: ['vault'],
    listen: ['127.0.0.1:8478'],
    credentials: '/etc/entropyd/credentials.toml',
    require_signatures: true,
    regions: ['eu-central-1'],
    dialect: 'otc',
    node_sdk_errors: true,
    page_hosts: ['entropy.example'],
    connections: 16,
    connections_per_address: 0,
    trusted_proxies: ['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'],
    requests: 1,
    requests_per_connection: 1,
    unsent_bytes: 131_072,
    unsent_bytes_per_connection: 1,
    body_bytes: 1_048_576,
    workers: 4,
    tls_cert: '/etc/entropyd/tls.pem',
    tls_key: '/etc/entropyd/tls.key',
    audit: '/var/log/entropyd/audit.jsonl',
    audit_required: true,
    upstream: 'https://kms.example',
    upstream_resign: false,
    huawei_upstream: 'https://kms.example',
    huawei_upstream_resign: true,
  });
  t.strictSame(parseConfigFile('', 'empty.toml'), {});
});

t.test('a fault is reported with its line, its key and what is wanted there', async (t) => {
  const cases: [text: string, message: string][] = [
    ['profile = "x"', 'f:1: profile: want "default" or "strict"'],
    ...['10.0.0.0/33', '10.0.0/8', '::/129', 'host', '', '10.0.0.0/', '10.0.0.0/8/8'].map(
      (range): [string, string] => [
        `gateway.trusted_proxies = ["${range}"]`,
        'f:1: gateway.trusted_proxies[0]: want an IP address, or a network such as "10.0.0.0/8"',
      ],
    ),
    ['\n[limit]\na = 1', 'f:2: limit: unknown key; the nearest is "limits"'],
    [
      '[limits]\nmessage_byte = 3',
      'f:2: limits.message_byte: unknown key; the nearest is "message_bytes"',
    ],
    [
      'limits.mesage_bytes = 3',
      'f:1: limits.mesage_bytes: unknown key; the nearest is "message_bytes"',
    ],
    ...['0', '65', '1.5', '"all"', 'true'].map((workers): [string, string] => [
      `gateway.workers = ${workers}`,
      'f:1: gateway.workers: want an integer of 1 to 64, or "auto"',
    ]),
    ['[limits]\n\nmessage_bytes = 0', 'f:3: limits.message_bytes: want 64 to 1048576'],
    [
      '[limits]\nmessage_bytes = 64.5',
      'f:2: limits.message_bytes: want an integer of 64 to 1048576',
    ],
    ['limits = 3', 'f:1: limits: want a table'],
    ['listen = 3', 'f:1: listen: want an array'],
    ['listen = []', 'f:1: listen: want at least one [[listen]]'],
    ['[[listen]]\nmode = "0666"', 'f:1: listen[0].path: is missing'],
    [
      '[[listen]]\npath = "a"\n[[listen]]\npath = "b"\nmod = "1"',
      'f:5: listen[1].mod: unknown key; the nearest is "mode"',
    ],
    [
      '[[listen]]\npath = "a"\nmode = "0888"',
      'f:3: listen[0].mode: want an octal mode such as "0666"',
    ],
    ...['9', '-0.5', 'inf', 'nan', '"4"'].map((value): [string, string] => [
      `[[source]]\nname = "x"\npath = "/p"\ncredited_bits_per_byte = ${value}`,
      'f:4: source[0].credited_bits_per_byte: want a number of 0 to 8',
    ]),
    ...['8.5', '-1', '0', '0.0009', 'true'].map((value): [string, string] => [
      `[[source]]\nname = "x"\npath = "/p"\ntested_bits_per_byte = ${value}`,
      'f:4: source[0].tested_bits_per_byte: want a number of 0.001 to 8',
    ]),
    [
      '[[source]]\nname = "x"\npath = "/p"\ncredited_bits_per_byte = 0.009',
      'f:4: source[0].credited_bits_per_byte: want 0, or a number of 0.01 to 8',
    ],
    [
      '[[source]]\nname = "x"\npath = "/p"\n[[source]]\npath = "/q"\nname = "x"',
      'f:6: source[1].name: want another name: it is taken',
    ],
    ...['credentials = "/c"', 'require_signatures = true'].map((line): [string, string] => [
      `[gateway]\n${line}\naccess = "open"`,
      'f:3: gateway.access: "open" contradicts credentials and require_signatures: remove one of them',
    ]),
    [
      '[gateway]\naudit = "sylog"',
      'f:2: gateway.audit: want "-", "journal", "syslog", or the path of a file with a slash (./NAME)',
    ],
    [
      '[gateway]\nlisten = ["host"]',
      'f:2: gateway.listen[0]: want HOST:PORT, [IPV6]:PORT or unix:PATH',
    ],
    ...['7.5', '4\ntested_bits_per_byte = 3.5'].map((value): [string, string] => [
      `[[source]]\nname = "x"\npath = "/p"\ncredited_bits_per_byte = ${value}`,
      'f:4: source[0].credited_bits_per_byte: want at most tested_bits_per_byte',
    ]),
    [
      '[[source]]\nname = "a b"\npath = "/p"',
      'f:2: source[0].name: want 1 to 32 of a-z, 0-9, _ and -',
    ],
    ['[limits]\nunsent_bytes = 131071', 'f:2: limits.unsent_bytes: want 131072 to 4294967295'],
    ['[generator]\nreseed_seconds = 0', 'f:2: generator.reseed_seconds: want 1 to 4294967295'],
    ['[gateway]\nrequire_signatures = 1', 'f:2: gateway.require_signatures: want true or false'],
    ['[gateway]\naccess = "closed"', 'f:2: gateway.access: want "open"'],
    ['[gateway]\nregions = []', 'f:2: gateway.regions: want at least one region'],
    [
      '[gateway]\ncredential = "x"',
      'f:2: gateway.credential: unknown key; the nearest is "credentials"',
    ],
    ['[gateway]\nlisten = [""]', 'f:2: gateway.listen[0]: want a string that is not empty'],
  ];
  for (const [text, message] of cases)
    t.throws(() => parseConfigFile(text, 'f'), { code: 'ERR_CONFIG', message }, text);
});

t.test('any text gives a configuration or ERR_CONFIG', async (t) => {
  const lines = fc.array(
    fc.oneof(
      fc.string(),
      fc.constantFrom(
        '[limits]',
        '[[listen]]',
        'path = "a"',
        'message_bytes = 300',
        '[gateway',
        'a.b = 1',
      ),
    ),
  );
  fc.assert(
    fc.property(lines, (parts) => {
      try {
        parseConfigFile(parts.join('\n'), 'f');
        return true;
      } catch (error) {
        return error instanceof EntropyError && error.code === 'ERR_CONFIG';
      }
    }),
    { numRuns: 1000 },
  );
  t.pass('1000 texts');
});

t.test(
  'the shipped file has defaults only as defaults, and examples that hold once uncommented',
  async (t) => {
    const shipped = readFileSync(new URL('../../systemd/entropyd.toml', import.meta.url), 'utf8');
    t.strictSame(parseConfigFile(shipped, 'f'), {});
    const [, defaultLines = '', examples = ''] = shipped.split(/^## .*$/m);
    const uncommented = (text: string) => text.replace(/^#(?=[[\w])/gm, '');
    const { profile, generator, limits, ...others } = parseConfigFile(
      uncommented(defaultLines),
      'f',
    );
    t.strictSame(others, {});
    t.equal(profile, defaults.profile);
    for (const [table, standard] of [
      [generator, defaults.generator],
      [limits, defaults.limits],
    ] as const)
      for (const [key, value] of Object.entries(table ?? {}))
        t.equal(value, (standard as Record<string, unknown>)[camelCase(key)], key);
    const oneOfTwo = uncommented(examples).replace('access = "open"', '');
    t.match(parseConfigFile(oneOfTwo, 'f'), { gateway: { credentials: String }, source: [{}] });
  },
);
