// Each source file earns its coverage from its own test. The native code's tests and the real
// clients' are not about a file of src/.
export default (test) =>
  /^test\/(native|interop)\/|^test\/(architecture|install)\.test/.test(test)
    ? null
    : test
        .replace('connection-plain', 'connection')
        .replace(/^test/, 'src')
        .replace(/\.test\.ts$/, '.ts');
