// Which source file a test file covers: the one at the same place, in src/ or in page/.
// Coverage by any other test does not count.

/** Tests about more than one file, and of what runs in other processes. */
const others =
  /^test\/((clients|compatibility|fuzz|man|native|system)\/|(architecture|bundle|documents|install)\.test)/;

// The conformance suite earns the coverage of every API, and of what it checks them through.
const conformance = 'test/apis/conformance.test.ts';
const conforming = [
  'src/apis/list.ts',
  'src/apis/toolkit.ts',
  'src/apis/aws-kms/api.ts',
  'src/apis/aws-json/access.ts',
  'src/apis/aws-json/protocol.ts',
  'src/apis/aws-secrets-manager/api.ts',
  'src/apis/huawei-kms/api.ts',
  'src/apis/huawei-kms/access.ts',
  'src/apis/vault/api.ts',
  'src/apis/azure-managed-hsm/api.ts',
];

export default (test) =>
  test === conformance
    ? conforming
    : others.test(test)
      ? null
      : test
          .replace(/connection-\w+/, 'connection')
          .replace(/^test\/(page\/.*)\.test\.ts$/, '$1.js')
          .replace(/^test\/(.*)\.test\.ts$/, 'src/$1.ts');
