/** Facts about the daemon and the gateway. */
import { showTerms } from './dom.js';
import * as words from './words.js';

/** What the last seed came from, in the terms of SP 800-90C. @type {ReadonlyMap<string, string>} */
const constructions = new Map([
  ['RBG2(P)', 'RBG2(P): seeded by physical noise sources'],
  ['RBG2(NP)', 'RBG2(NP): seeded by noise that is not physical, such as CPU timing'],
  ['RBGC', 'RBGC: seeded by the kernel’s generator alone'],
]);

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
    ['Construction', constructions.get(status.construction) ?? status.construction],
    ['Since the last seed', `${words.count(status.requestsSinceReseed)} generates`],
    ['Seed buffers', status.memoryLocked ? 'locked in memory' : 'not locked in memory'],
    ['Requests', words.count(status.requests)],
    ['Random bytes', words.bytes(status.randomBytes)],
    ['Refused', refused.length === 0 ? 'none' : refused.join(', ')],
    [
      'Connections',
      `${words.count(status.connections)} open, ${words.count(status.connectionsTotal)} since start`,
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
