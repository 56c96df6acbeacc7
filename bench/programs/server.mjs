/** The daemon's server on SOCKET; `plain` as second argument: without the poller. */

import { loadAddon } from '../../dist/common/package.js';
import { defaultLimits } from '../../dist/config/config.js';
import { createGenerator } from '../../dist/generator/create.js';
import { Transitions } from '../../dist/server/activity.js';
import { createContext } from '../../dist/server/context.js';
import { listen } from '../../dist/server/listener.js';
import { Poller } from '../../dist/server/poller.js';

const [path, way] = process.argv.slice(2);
const generator = createGenerator({ devices: [] });
const limits = { ...defaultLimits, connectionsPerUser: defaultLimits.connections };
const context = createContext({
  generator,
  limits,
  version: 'bench',
  transitions: new Transitions(),
});
const { addon } = loadAddon();
const poller = way === 'plain' ? undefined : new Poller(addon, context);
await listen({ path, mode: 0o600, addon, poller }, context);
