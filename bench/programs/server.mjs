/** The daemon's server on SOCKET, as the second argument says: with short cuts past node:net. */
import { defaultLimits } from '../../dist/config.js';
import { createGenerator } from '../../dist/generator.js';
import { Counters } from '../../dist/metrics.js';
import { loadAddon } from '../../dist/native.js';
import { OutputChunks } from '../../dist/server/output.js';
import { RandomBatch } from '../../dist/server/random-batch.js';
import { listen } from '../../dist/server/server.js';
import { Users } from '../../dist/server/users.js';

const [path, way] = process.argv.slice(2);
const generator = createGenerator({ devices: [] });
const limits = { ...defaultLimits, connectionsPerUser: defaultLimits.connections };
const counters = new Counters();
await listen(
  {
    path,
    mode: 0o600,
    addon: way === 'both' ? loadAddon().addon : undefined,
    staticRead: Promise.resolve(way !== 'none'),
  },
  {
    generator,
    counters,
    limits,
    users: new Users(limits),
    version: 'bench',
    startedAt: Date.now(),
    outputs: new OutputChunks(generator, limits),
    batch: new RandomBatch(generator, counters),
  },
);
