// Which source file a test file covers: the one at the same place, in src/ or in page/.
// Coverage by any other test does not count.

/** Tests about more than one file, and of what runs in other processes. */
const others = /^test\/((fuzz|man|native|system)\/|(architecture|bundle|documents|install)\.test)/;

export default (test) =>
  others.test(test)
    ? null
    : test
        .replace(/connection-\w+/, 'connection')
        .replace(/^test\/(page\/.*)\.test\.ts$/, '$1.js')
        .replace(/^test\/(.*)\.test\.ts$/, 'src/$1.ts');
