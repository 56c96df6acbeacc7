/**
 * GenerateRandomBytes by Google's own clients for Node.js, Python, Go and Java, over gRPC and over REST: in
 * plain text without a token, and over TLS with one. The programs are in google/.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { crc32c } from '../../../src/apis/google-kms/format.js';
import { EntropyError } from '../../../src/common/errors.js';
import type { GatewayOptions } from '../../../src/gateway/gateway.js';
import { makeCertificate } from '../../support/certificates.js';
import { writePrivate } from '../../support/credentials.js';
import { failingSource } from '../../support/gateway.js';
import { temporaryFolder } from '../../support/paths.js';
import { nodeWith } from './examples.js';
import { type Client, pypiClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const programs = fileURLToPath(new URL('google', import.meta.url));

/** Fetching and compiling takes a minute or two where nothing is cached. */
const prepareMs = 300_000;

/** Where the programs are built. */
const folder = temporaryFolder();
cpSync(programs, folder, { recursive: true });

/** A client that is there once a command has succeeded, which fetches or compiles it. */
function prepared(name: string, command: string, preparation: readonly string[]): Client {
  const [program = '', ...args] = preparation;
  const { status } = spawnSync(program, args, { cwd: folder, timeout: prepareMs });
  return { name, command: status === 0 ? command : undefined, optional: true };
}

// A store of certificates as Java has them.
const authority = makeCertificate(folder, 'authority');
const trustStore = join(folder, 'authority.p12');
execFileSync('keytool', [
  ...['-importcert', '-noprompt', '-alias', 'a', '-storetype', 'PKCS12', '-storepass', 'changeit'],
  ...['-file', authority.certificate, '-keystore', trustStore],
]);
const trustOptions = [
  ...[`-Djavax.net.ssl.trustStore=${trustStore}`, '-Djavax.net.ssl.trustStorePassword=changeit'],
  '-Djavax.net.ssl.trustStoreType=PKCS12',
];

type Codes = Readonly<Record<string, string>>;

/** A client: its own command, the arguments before the gateway's address, and how it names an error. */
interface Library {
  readonly client: Client;
  readonly args: readonly string[];
  /** Its names for codes that it does not name as gRPC does. */
  readonly codes?: Codes;
  /** The same over REST: HTTP's, in two clients. */
  readonly restCodes?: Codes;
  /** Over REST this client reads no details. */
  readonly restReason?: false;
  /** Over REST this client has messages of its own, or HTTP's reason phrase. */
  readonly restMessage?: RegExp;
}

const node = nodeWith('google');
cpSync(join(programs, 'client.mjs'), join(node.folder, 'client.mjs'));

const libraries: readonly Library[] = [
  {
    client: { ...node, name: '@google-cloud/kms 5.6.0' },
    args: [join(node.folder, 'client.mjs')],
    restCodes: {
      INVALID_ARGUMENT: '400',
      UNAUTHENTICATED: '401',
      PERMISSION_DENIED: '403',
      RESOURCE_EXHAUSTED: '429',
      UNAVAILABLE: '503',
    },
    restReason: false,
  },
  {
    client: pypiClient('google.cloud.kms', 'google-cloud-kms==3.18.0'),
    args: [join(folder, 'client.py')],
    codes: { UNAVAILABLE: 'ServiceUnavailable' },
    restCodes: {
      INVALID_ARGUMENT: 'BadRequest',
      // It wants another token, and has nothing to get one with.
      UNAUTHENTICATED: 'RefreshError',
      PERMISSION_DENIED: 'Forbidden',
      RESOURCE_EXHAUSTED: 'TooManyRequests',
      UNAVAILABLE: 'ServiceUnavailable',
    },
  },
  {
    client: prepared('go 1.26, and the modules of google/go.mod', join(folder, 'client'), [
      ...['go', 'build', '-mod=readonly', '-o', 'client', '.'],
    ]),
    args: [],
  },
  {
    client: prepared('a JDK 17, Maven, and google-cloud-kms 2.80.0', 'java', [
      ...['sh', '-c'],
      `mvn -q -B dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=jars && javac -cp 'jars/*' Client.java`,
    ]),
    args: [...trustOptions, '-cp', `${join(folder, 'jars', '*')}:${folder}`, 'Client'],
    // As the client for Python.
    restCodes: { UNAUTHENTICATED: 'UNKNOWN' },
    restReason: false,
    restMessage:
      /^(Bad Request|Forbidden|Too Many Requests|Service Unavailable)$|does not support refreshing/,
  },
];

/** What a program prints for each call. */
interface Outcome {
  readonly data?: string;
  readonly checksum?: string;
  readonly code?: string;
  readonly message?: string;
  readonly reason?: string | null;
}

/** Whom the clients trust, by the variables of their languages and of gRPC. */
const trust = {
  GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: authority.certificate,
  NODE_EXTRA_CA_CERTS: authority.certificate,
  REQUESTS_CA_BUNDLE: authority.certificate,
  SSL_CERT_FILE: authority.certificate,
};

const credentials = writePrivate(
  folder,
  'credentials.toml',
  [
    '[[token]]\nname = "app"\ntoken = "ya29.app"\nproject_id = "project"\n',
    '[[token]]\nname = "other"\ntoken = "ya29.other"\nproject_id = "other"\n',
    '[[token]]\nname = "denied"\ntoken = "ya29.denied"\nallow = []\n',
    '[[token]]\nname = "expired"\ntoken = "ya29.expired"\nexpires = 2020-01-01T00:00:00Z\n',
    '[[token]]\nname = "slow"\ntoken = "ya29.slow"\nrequests_per_second = 1\n',
  ].join(''),
);

/** Words of an error's name, whatever its language writes them like: `InvalidArgument`. */
const plain = (code = '') => code.replaceAll('_', '').toUpperCase();

function checkBytes(t: Test, outcome: Outcome | undefined, size: number): void {
  t.match(outcome, { data: /^[0-9a-f]+$/ }, JSON.stringify(outcome));
  const bytes = Buffer.from(outcome?.data ?? '', 'hex');
  t.equal(bytes.length, size);
  t.equal(outcome?.checksum, String(crc32c(bytes)), 'the checksum');
}

for (const { client, args, codes = {}, restCodes = {}, restReason, restMessage } of libraries)
  for (const transport of ['grpc', 'rest'] as const) {
    /** Asks a gateway of its own for each of the sizes. */
    const ask = async (
      t: Test,
      command: string,
      sizes: readonly number[],
      { token = '', ...options }: Partial<GatewayOptions> & { token?: string } = {},
    ): Promise<Outcome[]> => {
      const { certificate, key } = authority;
      const tls = token === '' ? {} : { tls: { certificate, key } };
      const { port } = await startRealPath(t, { ...tls, ...options });
      const address = [token === '' ? '127.0.0.1' : 'localhost', String(port)];
      const all = [...args, ...address, transport, token, ...sizes.map(String)];
      const { status, stdout, stderr } = await run(command, all, trust);
      if (status !== 0) throw new Error(`the client ended with ${status}: ${stderr}`);
      return stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
    };
    const checkError = (
      t: Test,
      outcome: Outcome | undefined,
      code: string,
      message: RegExp,
      reason?: string,
    ) => {
      const isRest = transport === 'rest';
      const expected = (isRest ? restCodes[code] : codes[code]) ?? code;
      t.equal(plain(outcome?.code), plain(expected), JSON.stringify(outcome));
      t.match(outcome?.message, (isRest && restMessage) || message);
      const hasReason = !isRest || (restReason !== false && plain(expected) !== 'REFRESHERROR');
      if (reason !== undefined && hasReason) t.equal(outcome?.reason, reason);
    };

    testWith(
      client,
      `${client.name} over ${transport}: an open gateway serves it in plain text`,
      async (t, command) => {
        const [least, most, few, many] = await ask(t, command, [8, 1024, 7, 1025]);
        checkBytes(t, least, 8);
        checkBytes(t, most, 1024);
        const range = /length_bytes must be 8 to 1024/;
        checkError(t, few, 'INVALID_ARGUMENT', range);
        checkError(t, many, 'INVALID_ARGUMENT', range);
      },
    );

    testWith(
      client,
      `${client.name} over ${transport}: a daemon that is away is UNAVAILABLE`,
      async (t, command) => {
        const away = failingSource(new EntropyError('ERR_CONNECT', 'x'));
        const [outcome] = await ask(t, command, [16], { client: away });
        checkError(t, outcome, 'UNAVAILABLE', /unavailable/i);
      },
    );

    testWith(
      client,
      `${client.name} over ${transport}: over TLS its token is verified`,
      async (t, command) => {
        const asked = (token: string, sizes = [16]) =>
          ask(t, command, sizes, { credentials, token });
        const [known] = await asked('ya29.app');
        checkBytes(t, known, 16);
        for (const [token, code, message, reason] of [
          [
            'ya29.wrong',
            'UNAUTHENTICATED',
            /invalid authentication credentials|refresh/,
            'ACCESS_TOKEN_TYPE_UNSUPPORTED',
          ],
          ['ya29.expired', 'UNAUTHENTICATED', /./, 'ACCESS_TOKEN_TYPE_UNSUPPORTED'],
          [
            'ya29.denied',
            'PERMISSION_DENIED',
            /cloudkms\.locations\.generateRandomBytes/,
            'IAM_PERMISSION_DENIED',
          ],
          ['ya29.other', 'PERMISSION_DENIED', /./, 'IAM_PERMISSION_DENIED'],
        ] as const) {
          const [refused] = await asked(token);
          checkError(t, refused, code, message, reason);
        }
        // Enough that a client cannot spread them so that one a second is served.
        const outcomes = await asked('ya29.slow', new Array(12).fill(16));
        checkBytes(t, outcomes[0], 16);
        const refused = outcomes.filter(({ code }) => code !== undefined);
        t.ok(refused.length > 0, 'not all are served');
        for (const each of refused)
          checkError(t, each, 'RESOURCE_EXHAUSTED', /./, 'RATE_LIMIT_EXCEEDED');
      },
    );
  }
