/** The tests of connections again, read by 'data' events instead of into the shared buffer. */
process.env.ENTROPYD_TEST_PLAIN_READ = '1';
for (const part of ['', '-input', '-load', '-end']) await import(`./connection${part}.test.js`);
