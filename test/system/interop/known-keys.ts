/** A credentials file with a key of each kind, and the verdict on requests signed with them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

/** A key as its owner has it. */
export interface ClientKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const secretAccessKey = 'secret';

/** May use every operation. */
export const goodKey: ClientKey = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey };

/** May send one request a second. */
export const slowKey: ClientKey = { accessKeyId: 'SLOW', secretAccessKey };

const temporaryKey: ClientKey = { accessKeyId: 'ASIDEXAMPLE', secretAccessKey };

/** Writes the file with mode 0600. @returns its path */
export function writeKnownKeys(): string {
  const path = join(t.testdir(), 'credentials.toml');
  const entry = (name: string, accessKeyId: string, more = '') =>
    `[[key]]\nname = "${name}"\naccess_key = "${accessKeyId}"\nsecret_key = "${secretAccessKey}"\n${more}\n`;
  const entries = [
    entry('app', goodKey.accessKeyId),
    entry('temporary', temporaryKey.accessKeyId, 'session_token = "session/token+=="'),
    entry('expired', 'EXPIRED', 'expires = 2020-01-01T00:00:00Z'),
    entry('denied', 'DENIED', 'allow = ["gen-random"]'),
    entry('slow', slowKey.accessKeyId, 'requests_per_second = 1'),
  ];
  writeFileSync(path, entries.join(''), { mode: 0o600 });
  return path;
}

/** Keys and how the service refuses them; undefined: it serves them. */
export const verdicts: readonly (readonly [
  title: string,
  key: ClientKey,
  refusal?: readonly [name: string, text: string],
])[] = [
  ['a key', goodKey],
  ['a temporary key', { ...temporaryKey, sessionToken: 'session/token+==' }],
  [
    'another secret',
    { ...goodKey, secretAccessKey: 'x' },
    [
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
    ],
  ],
  [
    'an unknown key',
    { ...goodKey, accessKeyId: 'X' },
    ['UnrecognizedClientException', 'The security token included in the request is invalid.'],
  ],
  [
    'no session token',
    temporaryKey,
    ['UnrecognizedClientException', 'The security token included in the request is invalid.'],
  ],
  [
    'another session token',
    { ...temporaryKey, sessionToken: 'session/token+=' },
    ['UnrecognizedClientException', 'The security token included in the request is invalid.'],
  ],
  [
    'an expired key',
    { accessKeyId: 'EXPIRED', secretAccessKey },
    ['ExpiredTokenException', 'The security token included in the request is expired'],
  ],
  [
    'a key that is denied',
    { accessKeyId: 'DENIED', secretAccessKey },
    [
      'AccessDeniedException',
      'User: arn:aws:iam::000000000000:user/denied is not authorized to perform: kms:GenerateRandom on resource: * because no identity-based policy allows the kms:GenerateRandom action',
    ],
  ],
];

/** Failures of the source that every client retries twice, with the names it reports. */
export const passingFailures = [
  ['ERR_HEALTH', 'KMSInternalException', 500],
  ['ERR_CONNECT', 'DependencyTimeoutException', 503],
  ['ERR_RATE', 'ThrottlingException', 400],
] as const;
