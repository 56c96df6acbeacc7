// Each source file earns its coverage from its own test. The native code's tests, the real clients',
// the fuzz, and those of what monitoring is given, are not about a file of src/.
export default (test) =>
  /^test\/(native|interop|fuzz|systemd|monitoring)\/|^test\/(architecture|bundle|flat|install)\.test/.test(
    test,
  )
    ? null
    : test
        .replace('connection-plain', 'connection')
        .replace(/^test/, 'src')
        .replace(/\.test\.ts$/, '.ts');
