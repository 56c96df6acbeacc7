import { fileURLToPath } from 'node:url';
import { pythonClient, testWith } from './installed.js';
import { startRealPath } from './real-path.js';
import { run } from './run.js';

const boto3 = pythonClient('boto3', 'boto3 (Debian package python3-boto3)');
const script = fileURLToPath(new URL('boto3_client.py', import.meta.url));

const constraint = (value: number, range: string) =>
  `1 validation error detected: Value '${value}' at 'numberOfBytes' failed to satisfy constraint: Member must have value ${range}`;

testWith(boto3, 'boto3 reads bytes, request ids, types and texts of errors', async (t, python) => {
  const { port } = await startRealPath(t);
  const table = [
    ['{"NumberOfBytes": 1}', 1],
    ['{"NumberOfBytes": 1024}', 1024],
    ['{"NumberOfBytes": 3.5}', 3],
    ['{}', 'ValidationException', 'NumberOfBytes is required.'],
    ['{"NumberOfBytes": null}', 'ValidationException', 'NumberOfBytes is required.'],
    ['{"NumberOfBytes": 0}', 'ValidationException', constraint(0, 'greater than or equal to 1')],
    ['{"NumberOfBytes": -1}', 'ValidationException', constraint(-1, 'greater than or equal to 1')],
    [
      '{"NumberOfBytes": 1025}',
      'ValidationException',
      constraint(1025, 'less than or equal to 1024'),
    ],
    [
      '{"NumberOfBytes": "32"}',
      'SerializationException',
      'STRING_VALUE can not be converted to an Integer',
    ],
    [
      '{"NumberOfBytes": 32, "CustomKeyStoreId": "cks-1"}',
      'CustomKeyStoreNotFoundException',
      'Custom key stores are not supported.',
    ],
  ] as const;
  const { stdout, stderr } = await run(python, [
    script,
    `http://127.0.0.1:${port}`,
    ...table.map(([parameters]) => parameters),
  ]);
  const outcomes = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(outcomes.length, table.length + 1, `every call has an outcome: ${stderr}`);
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
      parameters,
    );
  t.match(listKeys, { status: 400, error: { Code: 'UnknownOperationException' } }, 'ListKeys');
});
