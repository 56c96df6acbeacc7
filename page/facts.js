/** Facts about the daemon and the gateway. */
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
    ['Uptime', words.duration(status.uptimeSeconds)],
    [
      'Seeds',
      `${words.count(status.reseeds)}, the last ${words.duration(status.secondsSinceReseed)} ago`,
    ],
    ['Since the last seed', `${words.count(status.requestsSinceReseed)} generates`],
    ['Seed buffers', status.memoryLocked ? 'locked in memory' : 'not locked in memory'],
    ['Requests', words.count(status.requests)],
    ['Random bytes', words.bytes(status.randomBytes)],
    ['Refused', refused.length === 0 ? 'none' : refused.join(', ')],
    [
      'Connections',
      `${words.count(status.connections)} open, ${words.count(status.connectionsTotal)} since the start`,
    ],
    ['Daemon', `entropyd ${status.version}, process ${status.pid}`],
    ['Runtime', `Node ${status.node}, OpenSSL ${status.openssl}`],
    ['Gateway', `${gateway.version}, dialect: ${gateway.dialect}`],
    [
      'Authentication',
      gateway.verifies
        ? 'signatures and tokens are verified'
        : 'open: any well-formed signature or token is accepted',
    ],
    ['Listens on', gateway.listen.join(', ')],
  ]);
}
