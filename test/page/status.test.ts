import fc from 'fast-check';
import t from 'tap';
import { connect } from '../../src/client/client.js';
import { createGenerator } from '../../src/generator/create.js';
import { startServer } from '../support/daemon.js';

const { readStatus } = await import(new URL('../../page/status.js', import.meta.url).href);

t.test('a daemon’s status is read unchanged', async (t) => {
  const { path } = await startServer(t, createGenerator({ devices: [] }));
  const client = connect({ socketPath: path });
  t.teardown(() => client.close());
  const gateway = {
    ...{ version: '1.2.3', dialect: 'otc', verifies: true },
    ...{ warnings: ['open'], listen: ['unix:/x'] },
  };
  const sent = JSON.parse(JSON.stringify({ ...(await client.status()), gateway }));
  const missing: Record<string, unknown> = { path: '', rngCurrent: '', hiddenByKernel: false };
  const { sources, serving, errors, ...read } = readStatus(sent);
  for (const [name, value] of Object.entries(read)) t.strictSame(value, sent[name], name);
  t.ok(sources.length > 0);
  for (const [i, source] of sources.entries())
    for (const [name, value] of Object.entries(source))
      t.strictSame(value, sent.sources[i][name] ?? missing[name], `${source.name} ${name}`);
  t.strictSame(serving, { bounds: sent.serving.bounds, buckets: sent.serving.buckets });
  t.strictSame(errors, []);
});

t.test(
  'a member that is missing or of another type is empty or 0, and nothing throws',
  async (t) => {
    const empty = readStatus({});
    t.match(empty, { state: '', sources: [], transitions: [], requests: 0, errors: [] });
    t.strictSame(readStatus(null), empty);
    t.match(readStatus({ sources: [7, { name: ['x'], bytes: '9' }] }).sources, [
      { name: '', bytes: 0 },
      { name: '', bytes: 0 },
    ]);
    const shape = JSON.stringify(empty, (_, value) => (Array.isArray(value) ? [] : value));
    const members = fc.dictionary(fc.constantFrom(...Object.keys(empty)), fc.jsonValue());
    t.doesNotThrow(() =>
      fc.assert(
        fc.property(fc.oneof(fc.jsonValue(), members), (body) => {
          const read = readStatus(body);
          return Object.keys(read).join() === Object.keys(JSON.parse(shape)).join();
        }),
      ),
    );
  },
);
