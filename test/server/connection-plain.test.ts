/** The connection's tests again, read by the 'data' event instead of into the shared buffer. */
process.env.ENTROPYD_TEST_PLAIN_READ = '1';
await import('./connection.test.js');
