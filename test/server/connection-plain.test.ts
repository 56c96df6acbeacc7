/** The connection's tests once more, read through the 'data' event instead of the static buffer. */
process.env.ENTROPYD_TEST_PLAIN_READ = '1';
await import('./connection.test.js');
