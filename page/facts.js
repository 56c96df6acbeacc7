/** What else there is to know of the daemon and of the gateway. */
import { showTerms } from './dom.js';
import * as words from './words.js';

/**
 * @param {Element} where a `dl`
 * @param {import('./status.js').Status} status
 */
export function showFacts(where, status) {
  const { gateway } = status;
  const refused = status.errors.map(([code, count]) => `${words.count(count)} ${code}`);
  showTerms(where, [
    ['Running for', words.duration(status.uptimeSeconds)],
    [
      'Seeds',
      `${words.count(status.reseeds)}, the last ${words.duration(status.secondsSinceReseed)} ago`,
    ],
    ['Since then', `${words.count(status.requestsSinceReseed)} generates`],
    ['Seed buffers', status.memoryLocked ? 'locked in memory' : 'not locked in memory'],
    ['Requests', words.count(status.requests)],
    ['Random bytes', words.bytes(status.randomBytes)],
    ['Refused', refused.length === 0 ? 'none' : refused.join(', ')],
    [
      'Connections',
      `${words.count(status.connections)} open of ${words.count(status.connectionsTotal)}`,
    ],
    ['Daemon', `entropyd ${status.version}, process ${status.pid}`],
    ['Running on', `Node ${status.node}, OpenSSL ${status.openssl}`],
    ['Gateway', `${gateway.version}, gen-random as ${gateway.dialect} has it`],
    ['Proofs', gateway.verifies ? 'signatures and tokens are verified' : 'not verified: open'],
    ['Listens on', gateway.listen.join(', ')],
  ]);
}
