import { readFileSync } from 'node:fs';
import t from 'tap';
import { awsService } from '../../../src/apis/aws-kms/upstream.js';
import {
  checkUpstreamCallers,
  upstreamTarget as targetOf,
  type UpstreamTargetOptions,
} from '../../../src/apis/upstream/endpoint.js';

const upstreamTarget = (options: UpstreamTargetOptions) => targetOf(awsService, options);

t.test('reads host, port, security; requests to the real service are signed again', async (t) => {
  for (const [url, expected] of [
    [
      'https://kms.eu-central-1.amazonaws.com',
      {
        secure: true,
        port: 443,
        host: 'kms.eu-central-1.amazonaws.com',
        resign: true,
      },
    ],
    ['https://kms-fips.us-gov-west-1.amazonaws.com/', { resign: true }],
    ['https://kms.cn-north-1.amazonaws.com.cn', { resign: true }],
    ['https://kms.us-east-1.api.aws', { resign: true }],
    ['https://kms.eusc-de-east-1.amazonaws.eu', { resign: true }],
    ['https://vpce-1a-2b.kms.us-east-1.vpce.amazonaws.com', { resign: true }],
    ['https://KMS.us-east-1.AMAZONAWS.com.', { resign: true }],
    ['https://proxy.amazonaws.com', { resign: true }],
    ['https://amazonaws.com.example', { resign: false }],
    ['https://notamazonaws.com', { resign: false }],
    ['https://kms.example', { resign: false }],
    [
      'http://localhost:5000',
      { secure: false, hostname: 'localhost', port: 5000, host: 'localhost:5000', resign: false },
    ],
    ['http://moto', { secure: false, port: 80, host: 'moto', resign: false }],
    ['http://[::1]:4566/', { hostname: '::1', port: 4566, host: '[::1]:4566', resign: false }],
  ] as const)
    t.match(upstreamTarget({ url }), expected, url);
});

t.test('an option decides over signing before the host does', async (t) => {
  const url = 'https://kms.us-east-1.amazonaws.com';
  t.match(upstreamTarget({ url, resign: false }), { resign: false });
  t.match(upstreamTarget({ url }), { resign: true });
  t.match(upstreamTarget({ url: 'https://kms.example', resign: true }), { resign: true });
  t.match(upstreamTarget({ url: 'http://127.0.0.1:5000', resign: true }), { resign: true });
});

t.test('refuses anything but a plain endpoint, and http to all but emulators', async (t) => {
  for (const [options, message] of [
    [{ url: '' }, /want https/],
    [{ url: 'kms.example' }, /want https/],
    [{ url: 'ftp://kms.example' }, /want https/],
    [{ url: 'unix:/run/kms.sock' }, /want https/],
    [{ url: 'https://' }, /want https/],
    [{ url: 'https://kms.example/path' }, /no path, query or fragment/],
    [{ url: 'https://kms.example/?x' }, /no path, query or fragment/],
    [{ url: 'https://kms.example/#x' }, /no path, query or fragment/],
    [{ url: 'https://kms.example:0' }, /want https:\/\/HOST/],
    [{ url: 'http://kms.us-east-1.amazonaws.com' }, /want https/],
    [{ url: 'http://kms.us-east-1.amazonaws.com', resign: false }, /want https/],
    [{ url: 'http://kms.us-east-1.amazonaws.com.', resign: false }, /want https/],
    [{ url: 'http://kms.example', resign: true }, /want https/],
    [{ url: 'http://10.0.0.1', resign: true }, /want https/],
  ] as const)
    t.throws(
      () => upstreamTarget(options),
      { code: 'ERR_CONFIG', message },
      JSON.stringify(options),
    );
});

t.test('a password in the URL is not repeated in the error', async (t) => {
  for (const url of [
    'https://user:secret@kms.example',
    'https://:secret@kms.example',
    'user:secret@kms.example',
    'htps://user:secret@kms.example',
    'https://user:secret@kms.example:99999',
    'https://user:sec/ret@kms.example',
  ])
    t.throws(
      () => upstreamTarget({ url }),
      { code: 'ERR_CONFIG', message: 'upstream: want a URL without user and password' },
      url,
    );
});

t.test("knows the domains of every partition in the SDK's endpoint rules", async (t) => {
  const rules = readFileSync(
    'node_modules/@aws-sdk/core/dist-es/submodules/client/util-endpoints/lib/aws/partitions.js',
    'utf8',
  );
  const suffixes = [...rules.matchAll(/"(?:dnsSuffix|dualStackDnsSuffix)": "([^"]+)"/g)].map(
    ([, suffix]) => suffix,
  );
  t.strictSame([...new Set(suffixes)].sort(), [...awsService.domains].sort());
});

t.test(
  'is not for listeners that take any signature, but for an emulator on an insecure network',
  async (t) => {
    for (const [url, resign, verified, insecureNetwork, expected] of [
      ['https://kms.example', false, false, false, false],
      ['https://kms.example', false, true, false, true],
      ['https://kms.example', false, false, true, true],
      ['http://127.0.0.1:5000', undefined, false, true, true],
      ['http://127.0.0.1:5000', true, false, true, false],
      ['https://kms.eu-central-1.amazonaws.com', false, false, true, false],
      ['https://kms.eu-central-1.amazonaws.com', undefined, false, true, false],
      ['https://kms.eu-central-1.amazonaws.com', undefined, true, false, true],
    ] as const) {
      const check = () =>
        checkUpstreamCallers(
          awsService,
          upstreamTarget({ url, resign }),
          verified,
          insecureNetwork,
        );
      const name = `${url}, ${JSON.stringify({ resign, verified, insecureNetwork })}`;
      if (expected) t.doesNotThrow(check, name);
      else t.throws(check, { code: 'ERR_CONFIG', message: /want --credentials too/ }, name);
    }
    t.doesNotThrow(() => checkUpstreamCallers(awsService, undefined, false, false));
  },
);
