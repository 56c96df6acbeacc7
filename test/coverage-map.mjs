// Each source file earns its coverage from its own test, and so do the page's that need no browser.
// Tests in these folders, and those named behind them, are about something else than one file.
const folders = /^test\/(fuzz|man|native|system)\//;
const files = /^test\/(architecture|bundle|documents|flat|install)\.test/;

// The conformance suite earns the coverage of every API, and of what it checks them through.
const conformance = 'test/apis/conformance.test.ts';
const conforming = [
  'src/apis/list.ts',
  'src/apis/toolkit.ts',
  'src/apis/aws-kms/api.ts',
  'src/apis/aws-kms/access.ts',
  'src/apis/huawei-kms/api.ts',
  'src/apis/vault/api.ts',
];

export default (test) =>
  test === conformance
    ? conforming
    : folders.test(test) || files.test(test)
      ? null
      : test
          .replace('connection-plain', 'connection')
          .replace(/^test/, 'src')
          .replace(/\.test\.ts$/, '.ts')
          .replace(/^src\/page\/(.*)\.ts$/, 'page/$1.js');
