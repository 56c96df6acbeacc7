// Each source file earns its coverage from its own test, and so do the page's that need no browser.
// Tests in these folders, and those named behind them, are about something else than one file.
const folders = /^test\/(fuzz|man|native|system)\//;
const files = /^test\/(architecture|bundle|documents|flat|install)\.test/;

export default (test) =>
  folders.test(test) || files.test(test)
    ? null
    : test
        .replace('connection-plain', 'connection')
        .replace(/^test/, 'src')
        .replace(/\.test\.ts$/, '.ts')
        .replace(/^src\/page\/(.*)\.ts$/, 'page/$1.js');
