/** The daemon's server on SOCKET; the second argument selects the shortcuts past node:net. */

import { loadAddon } from '../../dist/common/package.js';
import { defaultLimits } from '../../dist/config/config.js';
import { createGenerator } from '../../dist/generator/create.js';
import { Transitions } from '../../dist/server/activity.js';
import { createContext } from '../../dist/server/context.js';
import { listen } from '../../dist/server/listener.js';

const [path, way] = process.argv.slice(2);
const generator = createGenerator({ devices: [] });
const limits = { ...defaultLimits, connectionsPerUser: defaultLimits.connections };
await listen(
  {
    path,
    mode: 0o600,
    addon: way === 'both' ? loadAddon().addon : undefined,
    sharedBuffer: Promise.resolve(way !== 'none'),
  },
  createContext({ generator, limits, version: 'bench', transitions: new Transitions() }),
);
