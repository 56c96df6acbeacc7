import t from 'tap';
import { version } from '../../src/commands/version.js';
import { version as own } from '../../src/common/package.js';
import { fakeGenerator, printedBy, startServer } from '../support.js';

t.test('both versions are told, as text and as JSON', async (t) => {
  const { path: socket } = await startServer(t, fakeGenerator());
  t.equal(
    await printedBy(t, () => version({ socket })),
    `entropyctl ${own}\nentropyd 1.2.3, protocol 1\n`,
  );
  t.strictSame(JSON.parse(await printedBy(t, () => version({ socket, json: true }))), {
    entropyctl: own,
    daemon: { name: 'entropyd', version: '1.2.3', protocol: 1 },
  });
});
