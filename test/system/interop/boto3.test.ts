import t from 'tap';
import { EntropyError } from '../../../src/common/errors.js';
import { startGateway } from '../../../src/gateway/gateway.js';
import { makeCertificate } from '../../support/certificates.js';
import { failingSource, memoryLog } from '../../support/gateway.js';
import { asClient, boto3, callWithBoto3 } from './boto3.js';
import { testWith } from './installed.js';
import { goodKey, passingFailures, slowKey, verdicts, writeKnownKeys } from './known-keys.js';
import { startRealPath } from './real-path.js';

const dir = t.testdir();
const parameters = { NumberOfBytes: 32 };

const constraint = (value: number, range: string) =>
  `1 validation error detected: Value '${value}' at 'numberOfBytes' failed to satisfy constraint: Member must have value ${range}`;

testWith(boto3, 'boto3 reads bytes, request ids, types and texts of errors', async (t, python) => {
  const { port } = await startRealPath(t);
  const table = [
    [{ NumberOfBytes: 1 }, 1],
    [{ NumberOfBytes: 1024 }, 1024],
    [{ NumberOfBytes: 3.5 }, 3],
    [{}, 'ValidationException', 'NumberOfBytes is required.'],
    [{ NumberOfBytes: null }, 'ValidationException', 'NumberOfBytes is required.'],
    [{ NumberOfBytes: 0 }, 'ValidationException', constraint(0, 'greater than or equal to 1')],
    [{ NumberOfBytes: -1 }, 'ValidationException', constraint(-1, 'greater than or equal to 1')],
    [
      { NumberOfBytes: 1025 },
      'ValidationException',
      constraint(1025, 'less than or equal to 1024'),
    ],
    [
      { NumberOfBytes: '32' },
      'SerializationException',
      'STRING_VALUE can not be converted to an Integer',
    ],
    [{ NumberOfBytes: 32, CustomKeyStoreId: 'cks-1' }, 'CustomKeyStoreNotFoundException', ''],
  ] as const;
  const outcomes = await callWithBoto3(python, `http://127.0.0.1:${port}`, [
    ...table.map(([parameters]) => ({ parameters })),
    { parameters: {}, operation: 'list_keys' },
  ]);
  t.equal(outcomes.length, table.length + 1, 'every call has an outcome');
  const listKeys = outcomes.pop();
  for (const [index, [parameters, expected, text]] of table.entries())
    t.match(
      outcomes[index],
      {
        requestId: /^[0-9a-f-]{36}$/,
        retries: 0,
        ...(typeof expected === 'number'
          ? { status: 200, size: expected, error: null }
          : { status: 400, size: null, error: { Code: expected, Message: text } }),
      },
      JSON.stringify(parameters),
    );
  t.match(
    listKeys,
    { status: 400, error: { Code: 'UnknownOperationException', Message: /--upstream/ } },
    'ListKeys',
  );
});

const credentials = writeKnownKeys();

testWith(
  boto3,
  'the signature of boto3 is verified, and it shows why one is refused',
  async (t, python) => {
    const { port } = await startRealPath(t, { credentials });
    const calls = verdicts.map(([, key]) => ({ parameters, client: asClient(key) }));
    const outcomes = await callWithBoto3(python, `http://127.0.0.1:${port}`, calls);
    for (const [index, [title, , refusal]] of verdicts.entries())
      t.match(
        outcomes[index],
        {
          requestId: /^[0-9a-f-]{36}$/,
          retries: 0,
          ...(refusal === undefined
            ? { status: 200, size: 32, error: null }
            : {
                status: 400,
                size: null,
                error: {
                  Code: refusal[0],
                  Message: refusal[1],
                  Text: `An error occurred (${refusal[0]}) when calling the GenerateRandom operation: ${refusal[1]}`,
                },
              }),
        },
        title,
      );
  },
);

testWith(boto3, 'boto3 with a wrong clock is told both times', async (t, python) => {
  const { port } = await startRealPath(t, { credentials });
  const client = asClient(goodKey);
  const table = [
    [-240, undefined],
    [240, undefined],
    [-360, /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(.* - 5 min\.\)$/],
    [360, /^Signature not yet current: \S+ is still later than \S+ \(\S+ \+ 5 min\.\)$/],
  ] as const;
  const calls = table.map(([clock]) => ({ parameters, client, clock }));
  const outcomes = await callWithBoto3(python, `http://127.0.0.1:${port}`, calls);
  for (const [index, [clock, Message]] of table.entries())
    t.match(
      outcomes[index],
      Message === undefined
        ? { status: 200, size: 32 }
        : { status: 400, retries: 0, error: { Code: 'InvalidSignatureException', Message } },
      `${clock} s`,
    );
});

testWith(boto3, 'boto3 over its rate is served in the end', async (t, python) => {
  const { port } = await startRealPath(t, { credentials });
  const call = { parameters, client: asClient(slowKey) };
  const outcomes = await callWithBoto3(python, `http://127.0.0.1:${port}`, [
    ...Array(3).fill({ ...call, attempts: 12 }),
    ...Array(3).fill({ ...call, attempts: 1 }),
  ]);
  for (const outcome of outcomes.slice(0, 3)) t.match(outcome, { status: 200, size: 32 });
  t.ok(
    outcomes.some(({ retries }) => retries > 0),
    'after retries',
  );
  t.match(
    outcomes.slice(3).find(({ error }) => error !== null),
    {
      status: 400,
      retries: 0,
      error: { Code: 'ThrottlingException', Message: /exceeded the rate/ },
    },
  );
});

// Nothing outside can make the generator fail, so the gateway gets a source that fails.
testWith(
  boto3,
  'boto3 tries three times when the generator or the daemon fails',
  async (t, python) => {
    for (const [code, Code, status] of passingFailures) {
      const gateway = await startGateway({
        listen: ['127.0.0.1:0'],
        client: failingSource(new EntropyError(code, 'x')),
        dialect: 'otc',
        log: memoryLog(),
      });
      t.teardown(() => gateway.close());
      const outcomes = await callWithBoto3(python, `http://${gateway.addresses[0]}`, [
        { parameters },
      ]);
      t.match(outcomes, [{ status, retries: 2, error: { Code } }], code);
    }
  },
);

testWith(boto3, 'boto3 over TLS trusts the certificate that it is given', async (t, python) => {
  const { certificate, key } = makeCertificate(dir, 'gateway');
  const { port } = await startRealPath(t, { credentials, tls: { certificate, key } });
  const client = asClient(goodKey);
  const outcomes = await callWithBoto3(python, `https://127.0.0.1:${port}`, [
    { parameters, client: { ...client, verify: certificate } },
    { parameters, client, attempts: 1 },
  ]);
  t.match(outcomes, [{ status: 200, size: 32 }, { error: { Code: 'SSLError' } }]);
});
